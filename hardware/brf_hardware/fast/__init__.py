"""The fast backend: the integer network in native code, event by event, over all cores.

`widths` proves the words, `plan` lays the network out in them, `engine.cpp` runs it, `library` finds the build for this
processor, `native` is the C interface, `session` runs stretches of steps from a kept state, `backend` whole samples.
"""
