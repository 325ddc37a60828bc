"""Lava processes that feed a network and keep what comes out, and nothing else, as Lava executes every file here."""
