"""A float network becomes an integer network: the host quantiser of docs/arithmetic.md section 4."""

import math
from typing import Any

from brf_deploy.certificate import largest_reset
from brf_deploy.errors import InvalidNetwork
from brf_deploy.fixed_point import to_fixed
from brf_deploy.float_network import BRFNeurons, FloatNetwork
from brf_deploy.layers import Arithmetic, Readout, Refractory, ResonatorLayer
from brf_deploy.network import IntegerNetwork, UncertifiedNetwork
from brf_deploy.quantization.calibration import Ranges
from brf_deploy.quantization.configuration import QuantizationConfig, Scheme
from brf_deploy.quantization.folding import folded_input, folded_readout, folded_recurrent, forgetting
from brf_deploy.quantization.grid import Grid, choose_grid, readout_bits
from brf_deploy.quantization.poles import IntegerPoles, dwn, float_poles, lava_constants, naive, require_brf
from brf_deploy.quantization.weights import round_rows

# Bits of the constants every neuron of a layer shares; why so many: arithmetic.md section 4.
LEAK_BITS = 16  # refractory decay: 8 bits cost +2.6 % spikes, 16 bits nothing
READOUT_LEAK_BITS = 16  # 1 - alpha of slow readouts is small: 12 bits would be 3 % off
RESET_BITS = 12  # dt and the refractory damping: 8 are enough


def quantize(network: FloatNetwork, config: QuantizationConfig, ranges: Ranges) -> IntegerNetwork:
    """A certified integer network; raises `CertificateViolation` where the scheme leaves the disc."""
    return quantize_on_grid(network, config, choose_grid(network, config, ranges))


def quantize_on_grid(network: FloatNetwork, config: QuantizationConfig, grid: Grid) -> IntegerNetwork:
    """The same on a grid that is given: what training calls again and again, so that the last bits stay in place."""
    return IntegerNetwork(**_parts(network, config, grid))


def quantize_unsafe(network: FloatNetwork, config: QuantizationConfig, ranges: Ranges) -> UncertifiedNetwork:
    """The same without the certificate: to measure what a baseline does. No exporter accepts the result."""
    return UncertifiedNetwork(**_parts(network, config, choose_grid(network, config, ranges)))


def _parts(network: FloatNetwork, config: QuantizationConfig, grid: Grid) -> dict[str, Any]:
    grid.check(network)
    arithmetic = Arithmetic(
        state_bits=config.state_bits,
        coefficient_bits=config.coefficient_bits,
        weight_bits=config.weight_bits,
        readout_weight_bits=readout_bits(config),
        reset_fraction=min(_reset_fraction(require_brf(layer)) for layer in network.layers),
    )
    layers = [_layer(network, index, config, arithmetic, grid) for index in range(len(network.layers))]
    return {
        "task": network.task,
        "encoding": network.encoding,
        "arithmetic": arithmetic,
        "layers": tuple(layers),
        "readout": _readout(network, arithmetic, grid),
        "skip_steps": network.skip_steps,
    }


def _reset_fraction(neurons: BRFNeurons) -> int:
    """fC: fraction bits at which the largest ``dt q = dt / (1 - gamma)`` fills RESET_BITS, with 1 % to spare."""
    largest = neurons.dt / (1 - neurons.gamma) * 1.01
    return min(Arithmetic.accumulator_fraction, math.floor(math.log2(((1 << RESET_BITS) - 1) / largest)))


def _refractory(neurons: BRFNeurons) -> Refractory:
    exponent = math.floor(math.log2(((1 << RESET_BITS) - 1) / neurons.dt))
    return Refractory(
        decay=int(to_fixed(neurons.gamma, LEAK_BITS)),
        decay_exponent=LEAK_BITS,
        gain=int(to_fixed(neurons.dt, exponent)),
        gain_exponent=exponent,
    )


def _layer(
    network: FloatNetwork, index: int, config: QuantizationConfig, arithmetic: Arithmetic, grid: Grid
) -> ResonatorLayer:
    layer, here = network.layers[index], grid.layers[index]
    neurons, fraction = require_brf(layer), here.state_fraction
    recurrent = folded_recurrent(network, index)
    refractory = _refractory(neurons)
    try:
        poles = _solve(neurons, config, arithmetic, largest_reset(refractory, fraction, arithmetic))
    except InvalidNetwork as error:
        raise InvalidNetwork(f"layer '{layer.name}': {error}") from error
    return ResonatorLayer(
        name=layer.name,
        dt=neurons.dt,
        state_fraction=fraction,
        threshold=int(to_fixed(neurons.theta, fraction)),
        damping=poles.damping,
        damping_exponent=poles.damping_exponent,
        rotation=poles.rotation,
        rotation_exponent=poles.rotation_exponent,
        energy_bound=poles.energy_bound,
        refractory=refractory,
        input=round_rows(folded_input(network, index), arithmetic.weight_bits, here.input),
        recurrent=None
        if recurrent is None or here.recurrent is None
        else round_rows(recurrent, arithmetic.weight_bits, here.recurrent),
    )


def _solve(neurons: BRFNeurons, config: QuantizationConfig, arithmetic: Arithmetic, c_max: int) -> IntegerPoles:
    bits, fraction = config.coefficient_bits, arithmetic.accumulator_fraction
    match config.scheme:
        case Scheme.DWN:
            return dwn(float_poles(neurons), bits, fraction, c_max, config.damping_kept)
        case Scheme.NAIVE:
            return naive(float_poles(neurons), bits, fraction)
        case Scheme.LAVA:
            return lava_constants(float_poles(neurons), bits, fraction)


def _readout(network: FloatNetwork, arithmetic: Arithmetic, grid: Grid) -> Readout:
    readout = network.readout
    leak = to_fixed(forgetting(readout), READOUT_LEAK_BITS)
    if (leak < 1).any():
        worst = int(leak.argmin())
        raise InvalidNetwork(
            f"readout {worst}: tau = {readout.tau[worst]:.4g} steps leaves 1 - alpha below 2**-{READOUT_LEAK_BITS}, "
            "which rounds to a readout that never forgets; lower tau"
        )
    weight = round_rows(folded_readout(readout), arithmetic.readout_weight_bits, grid.readout)
    return Readout(grid.readout_fraction, leak, READOUT_LEAK_BITS, weight)
