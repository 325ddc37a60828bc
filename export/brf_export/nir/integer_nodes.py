"""The NIR nodes of an integer network. `docs/arithmetic.md` section 2 defines what they compute, to the bit."""

from dataclasses import dataclass

from brf_export.nir.fields import Integer, Integers, Real, SchemaNode, Text


@dataclass(eq=False, kw_only=True)
class BRFFixed(SchemaNode):
    r"""Integer balanced resonate-and-fire neurons (Higuchi et al. 2024, Algorithm 1, in fixed point).

    .. math::
        C &= \lfloor Q\,k_C / 2^{s} + 1/2 \rfloor\, 2^{f - f_C}, \quad s = F_s + e_C - f_C \\
        U' &= \mathrm{sat}(\mathrm{rtz}(((2^f - D - C)\,U - W V) / 2^f) + 2^{F_s} x) \\
        V' &= \mathrm{sat}(\mathrm{rtz}(((2^f - D - C)\,V + W U) / 2^f)) \\
        z &= [U' > \Theta + Q], \quad Q' = \lfloor Q\,k / 2^{e} \rfloor + 2^{F_s} z

    x: sum of the incoming edges, in units of a threshold of 1; an integer multiple of 2^-Fs. rtz rounds toward zero,
    sat clips to +-(2^(state_bits-1) - 1). All states begin at zero.

    Per neuron: D = damping * 2^(f - damping_exponent), W = rotation * 2^(f - rotation_exponent); energy_bound, which
    (2^f - D)^2 + W^2 does not exceed. state_fraction: Fs. threshold: Theta. accumulator_fraction: f. reset_fraction:
    fC. refractory_decay, refractory_decay_exponent: k, e. refractory_gain, refractory_gain_exponent: kC, eC.
    input_exponent, recurrent_exponent (neurons): a weight of that row in the Linear node before is an integer of
    weight_bits times 2^-exponent; the second is absent without recurrence. state_bits, coefficient_bits, weight_bits:
    word widths. name: of the layer. dt: step, s; no integer depends on it.
    """

    name: Text
    dt: Real
    state_fraction: Integer
    threshold: Integer
    damping: Integers
    damping_exponent: Integers
    rotation: Integers
    rotation_exponent: Integers
    energy_bound: Integers
    refractory_decay: Integer
    refractory_decay_exponent: Integer
    refractory_gain: Integer
    refractory_gain_exponent: Integer
    input_exponent: Integers
    recurrent_exponent: Integers | None = None
    state_bits: Integer
    coefficient_bits: Integer
    weight_bits: Integer
    accumulator_fraction: Integer
    reset_fraction: Integer
    rounding: Text
    overflow: Text

    @property
    def width(self) -> int:
        """Neurons."""
        return len(self.damping)


@dataclass(eq=False, kw_only=True)
class LeakyIntegratorFixed(SchemaNode):
    r"""Integer leaky integrators, the readout.

    .. math::
        Y' = \mathrm{sat}(\mathrm{rtz}((2^{e} - \mathrm{leak})\,Y / 2^{e}) + 2^{F_o} x)

    x: sum of the incoming edges, an integer multiple of 2^-Fo. rtz rounds toward zero, sat clips to
    +-(2^(state_bits-1) - 1). Y begins at zero.

    leak (outputs): 1 - alpha with leak_exponent e bits. fraction: Fo. weight_exponent (outputs): a weight of that row
    in the Linear node before is an integer of weight_bits times 2^-exponent. state_bits, weight_bits: word widths.
    """

    fraction: Integer
    leak: Integers
    leak_exponent: Integer
    weight_exponent: Integers
    state_bits: Integer
    weight_bits: Integer
    rounding: Text
    overflow: Text

    @property
    def width(self) -> int:
        """Outputs."""
        return len(self.leak)
