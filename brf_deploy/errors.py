"""Every error this project raises on purpose.

Each message names the object, what was found, the limit, and what to do about it. The command line prints the
message on stderr and exits with 2, without a traceback.
"""


class BrfError(Exception):
    """Base of all errors below; the only class the command line catches."""


class InvalidNetwork(BrfError):
    """A network whose shapes, ranges or numbers do not fit together."""


class CertificateViolation(InvalidNetwork):
    """An integer network with a neuron on or outside the divergence boundary."""


class InvalidFile(BrfError):
    """A file that is corrupt, truncated, of another schema, or not what it claims to be."""


class InvalidInput(BrfError):
    """Input messages, labels or options outside what the network, task or command accepts."""


class MissingData(BrfError):
    """A dataset or checkpoint that is not in the data directory."""


class Unavailable(BrfError):
    """An optional package or external program that is not installed."""


class Unsupported(BrfError):
    """A request that this neuron, format or target cannot carry."""


class BackendFailure(BrfError):
    """A backend that crashed, hung or returned something that is not a trace."""
