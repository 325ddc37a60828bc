"""Where the poles of a layer lie: trained, deployed, and as naive rounding would have left them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from brf_deploy.arrays import Bools, Floats
from brf_deploy.certificate import Certificate, certificate, largest_reset
from brf_deploy.fixed_point import to_real
from brf_deploy.float_network import FloatLayer
from brf_deploy.layers import Arithmetic, ResonatorLayer
from brf_deploy.quantization.poles import Poles, float_poles, integer_poles, naive, require_brf

# Widths at which the contrast of arithmetic.md section 6 is told.
CONTRAST_BITS = (6, 8, 10, 12)


@dataclass(frozen=True, eq=False)
class LayerPoles:
    """integer: deployed poles at rest. largest_reset: Cmax, how far a burst of spikes moves them to the left.

    trained, naive: float poles and their naive rounding at the layer's own coefficient bits, where the model is
    known. naive_outside: coefficient bits to the number of neurons that naive rounding puts on or outside the circle.
    """

    name: str
    integer: Poles
    largest_reset: float
    certificate: Certificate
    coefficient_bits: int
    trained: Poles | None = None
    naive: Poles | None = None
    naive_outside: Mapping[int, int] | None = None


def margin(poles: Poles) -> Floats:
    """``1 - |lambda|`` (neurons,): positive inside the divergence boundary."""
    return np.asarray(1 - np.abs(poles.value))


def outside(poles: Poles) -> Bools:
    """True for a pole on or outside the unit circle."""
    return np.asarray(margin(poles) <= 0)


def layer_poles(layer: ResonatorLayer, arithmetic: Arithmetic, source: FloatLayer | None) -> LayerPoles:
    """The poles of one layer; `source` is the trained layer it was quantised from."""
    bits, fraction = arithmetic.coefficient_bits, arithmetic.accumulator_fraction
    deployed = LayerPoles(
        name=layer.name,
        integer=integer_poles(layer),
        largest_reset=float(to_real(largest_reset(layer.refractory, layer.state_fraction, arithmetic), fraction)),
        certificate=certificate(layer, arithmetic),
        coefficient_bits=bits,
    )
    if source is None:
        return deployed
    trained = float_poles(require_brf(source))
    return replace(
        deployed,
        trained=trained,
        naive=naive_poles(trained, bits),
        naive_outside={width: int(outside(naive_poles(trained, width)).sum()) for width in CONTRAST_BITS},
    )


def naive_poles(poles: Poles, bits: int) -> Poles:
    """Poles after both coefficients were rounded to `bits` bits."""
    rounded = naive(poles, bits, bits)
    return Poles(
        to_real(rounded.damping, rounded.damping_exponent), to_real(rounded.rotation, rounded.rotation_exponent)
    )
