"""What a step of compression did to a network's weights: error introduced, bytes saved."""

from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.formats import bitmask
from accelsim.trace import LayerParameters, NetworkTrace


def weight_changes(before: NetworkTrace, after: NetworkTrace) -> list[dict[str, Any]]:
    """One row per layer, both networks having the same layers.

    Returns
    -------
    Rows of layer, weights, density_before_fraction, density_after_fraction, relative_error_fraction (root of
    the summed squared differences over that of the weights, in real units), bitmask_before_bytes,
    bitmask_after_bytes.
    """
    rows = []
    for name in before.weighted_layers:
        was, now = before.parameters[name], after.parameters[name]
        values = [
            (p.weights.astype(np.float64) - p.weight_zero_points[:, None, None, None])
            * p.weight_scales[:, None, None, None]
            for p in (was, now)
        ]
        norm = float(np.linalg.norm(values[0]))
        rows.append(
            {
                "layer": name,
                "weights": was.weights.size,
                "density_before_fraction": float(np.mean(values[0] != 0)),
                "density_after_fraction": float(np.mean(values[1] != 0)),
                "relative_error_fraction": float(np.linalg.norm(values[1] - values[0])) / norm
                if norm
                else 0.0,
                "bitmask_before_bytes": bitmask.size_bits(was.weights, was.weight_zero_points) // 8,
                "bitmask_after_bytes": bitmask.size_bits(now.weights, now.weight_zero_points) // 8,
            }
        )
    return rows


def bias_at(given: LayerParameters, weight_scales: npt.NDArray[np.float32]) -> npt.NDArray[np.int32] | None:
    """A layer's bias, int32 [K], in units of other weight scales, float32 [K]."""
    if given.bias is None:
        return None
    steps = given.bias * given.weight_scales.astype(np.float64) / weight_scales
    allowed = np.iinfo(np.int32)
    return np.clip(np.rint(steps), allowed.min, allowed.max).astype(np.int32)
