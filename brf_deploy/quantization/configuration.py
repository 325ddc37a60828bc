"""What the user may choose when a network is quantised."""

from dataclasses import dataclass
from enum import Enum

from brf_deploy.arrays import check_range
from brf_deploy.errors import InvalidInput, InvalidNetwork


class Scheme(Enum):
    """How a pole becomes integers: ours, or one of two baselines kept to show the difference."""

    DWN = "dwn"  # damping and rotation with per-neuron exponents, re-solved inside the strict disc
    NAIVE = "naive"  # round(a 2**B), round(w 2**B)
    LAVA = "lava"  # floor(a 2**B) + 1, floor(w 2**B) + 1, as Lava's fixed-point RF process uses its constants


@dataclass(frozen=True)
class QuantizationConfig:
    """Word widths and scheme.

    damping_kept: eta, the share of its trained damping that each neuron keeps (arithmetic.md section 4).
    state_fraction: fraction bits of the states; chosen from calibrated ranges when None.
    """

    weight_bits: int = 8
    coefficient_bits: int = 12
    state_bits: int = 24
    scheme: Scheme = Scheme.DWN
    damping_kept: float = 0.5
    state_fraction: int | None = None

    def __post_init__(self) -> None:
        try:
            check_range("weight_bits", self.weight_bits, 2, 16)
            check_range("coefficient_bits", self.coefficient_bits, 4, 16)
            check_range("state_bits", self.state_bits, 12, 32)
            if self.state_fraction is not None:
                check_range("state_fraction", self.state_fraction, 1, self.state_bits - 2)
        except InvalidNetwork as error:
            raise InvalidInput(str(error)) from error
        if not 0 <= self.damping_kept < 1:
            raise InvalidInput(f"damping_kept: {self.damping_kept} is outside 0 <= damping_kept < 1")
