"""The gate every exporter passes: only a certified network leaves as a file."""

from brf_deploy.certificate import certify
from brf_deploy.errors import CertificateViolation
from brf_deploy.network import IntegerNetwork, UncertifiedNetwork


def require_certified(network: IntegerNetwork) -> None:
    """Raise `CertificateViolation` unless `network` is certified, naming the worst neuron where one is outside."""
    try:
        certify(network)
    except CertificateViolation as error:
        raise CertificateViolation(f"export refused: {error}") from error
    if isinstance(network, UncertifiedNetwork):
        raise CertificateViolation(
            f"export refused: the network for '{network.task}' is a baseline, made without the stability certificate; "
            "quantise with scheme 'dwn', whose networks are certified when they are made"
        )
