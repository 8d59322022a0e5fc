"""Magnitude pruning: the smallest weights become zero."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError
from accelsim.trace import NetworkTrace, replace_parameters
from accelsim.trace.layer import Tensor


def prune_magnitude(weights: Tensor, zero_points: npt.NDArray[np.int32], density: float) -> Tensor:
    """A copy that keeps the weights furthest from their filter's zero point.

    Parameters
    ----------
    weights : int8 or uint8 [K, R, S, C]
    zero_points : int32 [K]
    density : share kept; exactly round(density * size) weights, ties in index order (fewer where the
        layer has fewer non-zero ones)

    Raises
    ------
    InputError
        If the density is not within 0..1.
    """
    if not 0 <= density <= 1:
        raise InputError(f"density must be within 0..1, not {density}")
    zeros = zero_points.reshape(-1, *([1] * (weights.ndim - 1)))
    distance = np.abs(weights.astype(np.int32) - zeros).ravel()
    kept = np.zeros(weights.size, np.bool_)
    kept[np.argsort(-distance, kind="stable")[: round(density * weights.size)]] = True
    pruned = weights.copy()
    np.copyto(pruned, zeros.astype(weights.dtype), where=~kept.reshape(weights.shape))
    return pruned


def prune_network(trace: NetworkTrace, density: float) -> NetworkTrace:
    """Every layer pruned to `density`: a pattern of zeros, not an accurate network.

    A network `n` pruned to 0.3 is called `n-weights30`.
    """
    parameters = {}
    for name in trace.layers:
        given = trace.parameters[name]
        pruned = prune_magnitude(given.weights, given.weight_zero_points, density)
        parameters[name] = replace(given, weights=pruned)
    note = (
        f"weights magnitude-pruned to {density:.0%} per layer: pattern only, accuracy not claimed; "
        "activations are those of the unpruned network"
    )
    name = f"{trace.network.name}-weights{100 * density:g}"
    return replace_parameters(trace, parameters, note, name=name)
