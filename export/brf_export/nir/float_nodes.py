"""The NIR nodes of a float network. `brf_deploy.float_reference` defines what they compute."""

from dataclasses import dataclass

from brf_export.nir.fields import Real, Reals, SchemaNode, Text


@dataclass(eq=False, kw_only=True)
class BRF(SchemaNode):
    r"""Balanced resonate-and-fire neurons (Higuchi et al. 2024, Algorithm 1).

    .. math::
        b &= p(\omega) - b_\mathrm{offset} - q, \quad p(\omega) = (\sqrt{1 - (dt\,\omega)^2} - 1) / dt \\
        u' &= u + dt\,(b u - \omega v + x), \quad v' = v + dt\,(\omega u + b v) \\
        z &= [u' > \theta + q], \quad q' = \gamma q + z

    omega (neurons): angular eigenfrequency, rad/s, dt * omega <= 1. b_offset (neurons): damping offset, 1/s, >= 0.
    dt: step, s. theta: threshold. gamma: decay of q a step. name: of the layer. All states begin at zero.
    """

    name: Text
    omega: Reals
    b_offset: Reals
    dt: Real
    theta: Real
    gamma: Real

    @property
    def width(self) -> int:
        """Neurons."""
        return len(self.omega)


@dataclass(eq=False, kw_only=True)
class RF(SchemaNode):
    r"""Resonate-and-fire neurons: `BRF` without divergence boundary and refractory state.

    .. math::
        b = -b_\mathrm{offset}, \quad u' = u + dt\,(b u - \omega v + x), \quad v' = v + dt\,(\omega u + b v), \quad
        z = [u' > \theta]
    """

    name: Text
    omega: Reals
    b_offset: Reals
    dt: Real
    theta: Real

    @property
    def width(self) -> int:
        """Neurons."""
        return len(self.omega)


@dataclass(eq=False, kw_only=True)
class ALIF(SchemaNode):
    r"""Adaptive leaky integrate-and-fire neurons (Yin et al. 2021).

    .. math::
        a' &= \rho a + (1 - \rho) z, \quad \vartheta = \theta + \beta a', \quad m = \alpha u + (1 - \alpha) x \\
        z' &= [m > \vartheta], \quad u' = m - \vartheta z'

    tau_mem, tau_adp (neurons): time constants, steps; alpha = exp(-1 / tau_mem), rho = exp(-1 / tau_adp). theta:
    threshold at rest. beta: threshold gain of the adaptation. name: of the layer.
    """

    name: Text
    tau_mem: Reals
    tau_adp: Reals
    theta: Real
    beta: Real

    @property
    def width(self) -> int:
        """Neurons."""
        return len(self.tau_mem)


@dataclass(eq=False, kw_only=True)
class LeakyIntegrator(SchemaNode):
    r"""Leaky integrators, the readout.

    .. math::
        y' = \alpha y + (1 - \alpha) x, \quad \alpha = \exp(-1 / \tau)

    tau (outputs): time constant, steps.
    """

    tau: Reals

    @property
    def width(self) -> int:
        """Outputs."""
        return len(self.tau)
