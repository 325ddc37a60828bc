"""The Lava processes and models of the loader, and nothing else.

Whenever Lava compiles a network it executes every file of this directory again, so each must be harmless to execute.
"""
