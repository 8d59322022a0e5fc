"""The zeros of a layer, for dataflows that count sums over pairs (kernels.pair_sums)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.hardware import Accelerator
from accelsim.kernels.pair_sums import pair_sums, sums_of_activations, sums_of_weights
from accelsim.kernels.windows import geometry_vector
from accelsim.network import Layer
from accelsim.trace import LayerTrace

Bits = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Sums of what is not zero, as `kernels.pair_sums` takes them apart."""

    layer: Layer
    weights: npt.NDArray[np.int32]
    activations: npt.NDArray[np.int32]

    @property
    def nonzero_weights(self) -> int:
        """Weights that are not zero."""
        return int(self.weights[-1].sum(dtype=np.int64))

    @property
    def nonzero_activations(self) -> int:
        """Activations of the input that are not zero."""
        return int(self.activations[..., -1, -1, :].sum(dtype=np.int64))

    def pairs(self, box: npt.NDArray[np.int64], weights: npt.NDArray[np.int32]) -> tuple[Ints, Ints]:
        """Sums over a tile's pairs, and positions that are no padding by tap, with these sums of weights."""
        layer = self.layer
        sums, inside = pair_sums(
            box,
            geometry_vector(layer),
            layer.group_filters,
            layer.group_channels,
            weights,
            self.activations,
        )
        return sums, inside


def prepare(trace: LayerTrace, chip: Accelerator) -> Prepared:
    """Add up what is not zero; tiles, plans and arrays share it."""
    weights = sums_of_weights(nonzero_weights(trace))
    return Prepared(trace.layer, weights, sums_of_activations(nonzero_activations(trace), trace.layer.stride))


def nonzero_activations(trace: LayerTrace) -> Bits:
    """Where activations are not zero: uint8 [N, H, W, C]."""
    nonzero = trace.activations != trace.activation_zero_point
    return np.ascontiguousarray(nonzero).view(np.uint8)


def nonzero_weights(trace: LayerTrace) -> Bits:
    """Where weights are not zero: uint8 [K, taps, C]."""
    k, r, s, c = trace.layer.weight_shape
    nonzero = trace.weights != np.asarray(trace.weight_zero_points).reshape(-1, 1, 1, 1)
    return np.ascontiguousarray(nonzero.reshape(k, r * s, c)).view(np.uint8)
