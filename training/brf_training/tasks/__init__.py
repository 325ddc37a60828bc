"""Tasks, one file each; they need no torch."""
