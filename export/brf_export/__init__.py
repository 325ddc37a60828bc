"""The export wing: integer networks as files of other tools' formats."""
