"""Is the deployed integer network the trained one? Definitions E0 to E7 of docs/arithmetic.md section 5."""

from brf_hardware.equivalence.comparison import BackendResult, Subject
from brf_hardware.equivalence.difference import Difference, first_difference
from brf_hardware.equivalence.gates import Gate
from brf_hardware.equivalence.verification import Verification, verify

__all__ = ["BackendResult", "Difference", "Gate", "Subject", "Verification", "first_difference", "verify"]
