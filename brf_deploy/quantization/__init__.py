"""From a float network to integers inside the divergence boundary."""

from brf_deploy.quantization.calibration import Ranges, measure_ranges
from brf_deploy.quantization.configuration import QuantizationConfig, Scheme
from brf_deploy.quantization.grid import Grid, choose_grid
from brf_deploy.quantization.loss import LayerLoss, quantization_loss, readout_sqnr
from brf_deploy.quantization.network import quantize, quantize_on_grid, quantize_unsafe

__all__ = [
    "Grid",
    "LayerLoss",
    "QuantizationConfig",
    "Ranges",
    "Scheme",
    "choose_grid",
    "measure_ranges",
    "quantization_loss",
    "quantize",
    "quantize_on_grid",
    "quantize_unsafe",
    "readout_sqnr",
]
