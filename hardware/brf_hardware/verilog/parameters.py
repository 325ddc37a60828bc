"""The parameters of the Verilog modules, by the names they have in `rtl/*.sv`."""

from brf_hardware.verilog.plan import CorePlan, LayerPlan, ReadoutPlan, SynapsePlan
from brf_hardware.verilog.ranges import Range, bits_of_index

Parameters = dict[str, int | str]


def multiplier_parameters(core: CorePlan) -> Parameters:
    """Of `brf_multiplier`; units take the first two as well."""
    return {**_operands(core), "PRODUCT_BITS": core.product_bits}


def layer_parameters(core: CorePlan, plan: LayerPlan, prefix: str) -> Parameters:
    """Of `brf_layer`; its files begin with `prefix`."""
    refractory, fraction, arithmetic = plan.layer.refractory, plan.layer.state_fraction, plan.arithmetic
    state, q = Range.symmetric(arithmetic.limit), Range(0, plan.largest_q)
    return {
        "INPUTS": plan.inputs,
        "INPUT_INDEX_BITS": bits_of_index(plan.inputs),
        "NEURONS": plan.neurons,
        "INDEX_BITS": bits_of_index(plan.neurons),
        "COUNT_BITS": bits_of_index(plan.neurons + 1),
        "WORDS": words(plan.neurons),
        "RECURRENT": int(plan.recurrent),
        "SOURCE_BITS": bits_of_index(plan.synapses.sources),
        "GRADED": int(plan.synapses.graded),
        "MESSAGE_BITS": plan.synapses.message_bits,
        **_synapses(plan.synapses),
        "STATE_BITS": arithmetic.state_bits,
        "Q_BITS": q.unsigned_bits,
        **_coefficients(plan),
        "FACTOR_BITS": plan.factor.signed_bits,
        "FRACTION": arithmetic.accumulator_fraction,
        "SPIKE_SHIFT": fraction,
        "THRESHOLD": plan.layer.threshold,
        "DECAY": refractory.decay,
        "DECAY_SHIFT": refractory.decay_exponent,
        "DECAY_BITS": plan.decay_bits,
        "GAIN": refractory.gain,
        "GAIN_SHIFT": plan.gain_shift,
        "GAIN_BITS": plan.gain_bits,
        "RESET_SHIFT": arithmetic.accumulator_fraction - arithmetic.reset_fraction,
        "ROTATED_BITS": (plan.rotated | Range(0, 1 << arithmetic.accumulator_fraction)).signed_bits,
        "ROUNDED_BITS": plan.rounded.signed_bits,
        "TOTAL_BITS": (plan.rounded + plan.synapses.x | plan.rounded | state).signed_bits,
        "BARRIER_BITS": (state | Range(0, plan.layer.threshold + plan.largest_q)).signed_bits,
        **_operands(core),
        "UPDATE_BITS": plan.update_bits,
        "PRODUCT_BITS": plan.product_bits,
        "WEIGHT_FILE": f"{prefix}_weights.hex",
        "SHIFT_FILE": f"{prefix}_shifts.hex",
        "COEFFICIENT_FILE": f"{prefix}_coefficients.hex",
    }


def readout_parameters(core: CorePlan, plan: ReadoutPlan, prefix: str) -> Parameters:
    """Of `brf_readout`; its files begin with `prefix`."""
    state = Range.symmetric(plan.arithmetic.limit)
    return {
        "SOURCE_BITS": bits_of_index(plan.synapses.sources),
        "OUTPUTS": plan.outputs,
        "INDEX_BITS": bits_of_index(plan.outputs),
        "WORDS": words(plan.outputs),
        **_synapses(plan.synapses),
        "STATE_BITS": plan.arithmetic.state_bits,
        "KEEP_BITS": Range(0, int(plan.keep.max())).unsigned_bits,
        "FRACTION": plan.readout.leak_exponent,
        "ROUNDED_BITS": plan.rounded.signed_bits,
        "TOTAL_BITS": (plan.rounded + plan.synapses.x | plan.rounded | state).signed_bits,
        **_operands(core),
        "PRODUCT_BITS": plan.product_bits,
        "WEIGHT_FILE": f"{prefix}_weights.hex",
        "SHIFT_FILE": f"{prefix}_shifts.hex",
        "KEEP_FILE": f"{prefix}_keep.hex",
    }


def words(count: int) -> int:
    """Words of a memory for `count` things; at least 2, so that an address has a bit."""
    return max(2, count)


def _operands(core: CorePlan) -> Parameters:
    return {"A_BITS": core.a.signed_bits, "B_BITS": core.b.signed_bits}


def _coefficients(plan: LayerPlan) -> Parameters:
    keep = Range(min(0, int(plan.keep.min())), max(0, int(plan.keep.max())))
    return {
        "KEEP_BITS": keep.signed_bits,
        "ROTATION_BITS": Range(0, int(plan.rotation.max())).unsigned_bits,
    }


def _synapses(plan: SynapsePlan) -> Parameters:
    return {
        "WEIGHT_BITS": plan.weight_bits,
        "WEIGHTS": words(plan.weights.size),
        "WEIGHT_ADDRESS_BITS": bits_of_index(words(plan.weights.size)),
        "SHIFT_BITS": plan.shift_bits,
        "SHIFTS": words(plan.shifts.size),
        "SHIFT_ADDRESS_BITS": bits_of_index(words(plan.shifts.size)),
        "WEIGHTED_BITS": plan.weighted.signed_bits,
        "TERM_BITS": plan.term_bits,
        "SUM_BITS": plan.sum.signed_bits,
        "SUM_SHIFT": plan.sum_shift,
    }
