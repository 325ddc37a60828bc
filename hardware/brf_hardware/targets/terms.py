"""Names that a target file may use: what can be priced, what can be timed, what a neuron program may be made of."""

from dataclasses import fields

from brf_hardware.cost.ledger import Ledger

ENERGY_TERMS = tuple(field.name for field in fields(Ledger))
# A message takes time at the core that sends it and at each that receives it.
TIME_TERMS = (*(term for term in ENERGY_TERMS if term != "axon_messages"), "messages_in", "messages_out")
ALLOCATIONS = ("optimistic", "assumed")
OPERATIONS = (
    *("add", "multiply", "divide", "square root", "shift", "compare", "minimum"),
    *("and", "or", "select", "jump", "leak", "random"),
)
