"""Magnitude pruning: the smallest weights become zero, one by one or in whole structures.

==============  ===========================================================================
structure       what is kept or dropped together (weights K,R,S,C)
==============  ===========================================================================
`element`       one weight
`vector`        `size` consecutive channels of a tap
`block`         `size` x `size` of filters x all other axes, as `formats.Block` cuts them
`channel`       an input channel: all weights of one C
`filter`        all weights of one K
`n_m`           N of every `size` consecutive channels, N = round(density x size)
==============  ===========================================================================

Structures are ordered by the root mean square of their weights' distances from the zero points, so that
smaller ones at an edge compare fairly; ties go by index.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError
from accelsim.trace import LayerParameters, NetworkTrace, replace_parameters
from accelsim.trace.layer import Tensor

Structure = Literal["element", "vector", "block", "channel", "filter", "n_m"]
STRUCTURES: tuple[Structure, ...] = ("element", "vector", "block", "channel", "filter", "n_m")
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def prune_magnitude(
    weights: Tensor,
    zero_points: npt.NDArray[np.int32],
    density: float,
    structure: Structure = "element",
    size: int = 4,
) -> Tensor:
    """A copy that keeps the weights, or structures, furthest from their filter's zero point.

    Parameters
    ----------
    weights : int8 or uint8 [K, R, S, C]
    zero_points : int32 [K]
    density : share kept: exactly round(density * count) weights or structures (fewer weights where the
        layer has fewer non-zero ones)
    structure, size : see the module's table

    Raises
    ------
    InputError
        If the density is not within 0..1, the structure is unknown, or its size below 1.
    """
    _check(density, structure, size)
    distance = _distance(weights, zero_points)
    if structure == "n_m":
        kept = _best_of_groups(distance, round(density * size), size)
    else:
        labels = _labels(weights.shape, structure, size)
        kept = _largest(_scores(distance, labels), density)[labels]
    return _only(weights, zero_points, kept.reshape(weights.shape))


def prune_network(
    trace: NetworkTrace,
    density: float | Mapping[str, float],
    structure: Structure = "element",
    size: int = 4,
) -> NetworkTrace:
    """Every layer pruned: to one density, or each to its own; a pattern of zeros, not an accurate network.

    A network `n` pruned to 0.3 is called `n-weights30`, to densities of its own `n-pruned`. Layers that a
    mapping does not name stay as they are.

    Raises
    ------
    InputError
        As `prune_magnitude`, or if a mapping names a layer that is not there.
    """
    layers = trace.weighted_layers
    densities = density if isinstance(density, Mapping) else dict.fromkeys(layers, density)
    if unknown := sorted(set(densities) - set(layers)):
        raise InputError(f"{trace.network.name}: no layer {unknown[0]!r}; layers: {', '.join(layers)}")
    parameters = {}
    for name, share in densities.items():
        given = trace.parameters[name]
        pruned = prune_magnitude(given.weights, given.weight_zero_points, share, structure, size)
        parameters[name] = replace(given, weights=pruned)
    own = isinstance(density, Mapping)
    told = f"{len(densities)} layers to densities of their own" if own else f"{density:.0%} per layer"
    kind = "" if structure == "element" else f" in structures ({structure} {size})"
    suffix = "pruned" if own else f"weights{100 * float(density):g}"  # type: ignore[arg-type]
    return _renamed(trace, parameters, f"{told}{kind}", suffix)


def prune_globally(trace: NetworkTrace, density: float) -> NetworkTrace:
    """The weights of all layers compared with each other, each on its own scale; `density` is the network's.

    Distances are in real units: steps from the zero point times the filter's scale. A network `n` pruned
    to 0.3 is called `n-global30`.

    Raises
    ------
    InputError
        If the density is not within 0..1.
    """
    _check(density, "element", 1)
    given = {name: trace.parameters[name] for name in trace.weighted_layers}
    real = [
        _distance(p.weights, p.weight_zero_points) * p.weight_scales[:, None, None, None]
        for p in given.values()
    ]
    kept = _largest(np.concatenate([part.ravel() for part in real]), density)
    ends = np.cumsum([part.size for part in real])[:-1]
    parameters = {
        name: replace(p, weights=_only(p.weights, p.weight_zero_points, part.reshape(p.weights.shape)))
        for (name, p), part in zip(given.items(), np.split(kept, ends), strict=True)
    }
    return _renamed(trace, parameters, f"{density:.0%} over all layers", f"global{100 * density:g}")


def _check(density: float, structure: str, size: int) -> None:
    if not 0 <= density <= 1:
        raise InputError(f"density must be within 0..1, not {density}")
    if structure not in STRUCTURES:
        raise InputError(f"structure must be one of {', '.join(STRUCTURES)}, not {structure!r}")
    if size < 1:
        raise InputError(f"size must be at least 1, not {size}")


def _renamed(
    trace: NetworkTrace, parameters: Mapping[str, LayerParameters], told: str, suffix: str
) -> NetworkTrace:
    note = (
        f"weights magnitude-pruned to {told}: pattern only, accuracy not claimed; "
        "activations are those of the unpruned network"
    )
    return replace_parameters(trace, parameters, note, name=f"{trace.network.name}-{suffix}")


def _distance(weights: Tensor, zero_points: npt.NDArray[np.int32]) -> Ints:
    zeros = zero_points.astype(np.int64).reshape(-1, *([1] * (weights.ndim - 1)))
    distance: Ints = np.abs(weights.astype(np.int64) - zeros)
    return distance


def _largest(scores: npt.NDArray[np.float64] | Ints, density: float) -> Bools:
    kept = np.zeros(scores.size, np.bool_)
    kept[np.argsort(-scores, axis=None, kind="stable")[: round(density * scores.size)]] = True
    return kept


def _scores(distance: Ints, labels: Ints) -> npt.NDArray[np.float64]:
    """Mean square distance of each structure's weights."""
    flat = labels.reshape(-1)
    sums = np.bincount(flat, weights=(distance.reshape(-1) ** 2).astype(np.float64))
    return sums / np.bincount(flat)


def _labels(shape: tuple[int, ...], structure: Structure, size: int) -> Ints:
    """The structure that each weight belongs to, numbered in C order of their first weights."""
    k, r, s, c = shape
    index = np.indices(shape)
    if structure == "element":
        return np.arange(k * r * s * c, dtype=np.int64).reshape(shape)
    if structure == "filter":
        labels = index[0]
    elif structure == "channel":
        labels = index[3]
    elif structure == "vector":
        labels = ((index[0] * r + index[1]) * s + index[2]) * -(-c // size) + index[3] // size
    else:
        columns = (index[1] * s + index[2]) * c + index[3]
        labels = index[0] // size * -(-(r * s * c) // size) + columns // size
    own: Ints = labels.astype(np.int64)
    return own


def _best_of_groups(distance: Ints, n: int, m: int) -> Bools:
    """The `n` furthest of every `m` consecutive channels, the last group of a line may be shorter."""
    lines = distance.reshape(-1, distance.shape[-1])
    groups = -(-lines.shape[1] // m)
    padded = np.full((lines.shape[0], groups * m), -1, np.int64)
    padded[:, : lines.shape[1]] = lines
    order = np.argsort(-padded.reshape(-1, m), axis=1, kind="stable")[:, :n]
    kept = np.zeros((lines.shape[0] * groups, m), np.bool_)
    np.put_along_axis(kept, order, True, axis=1)
    return kept.reshape(lines.shape[0], -1)[:, : lines.shape[1]]


def _only(weights: Tensor, zero_points: npt.NDArray[np.int32], kept: Bools) -> Tensor:
    zeros = zero_points.reshape(-1, *([1] * (weights.ndim - 1))).astype(weights.dtype)
    pruned = weights.copy()
    np.copyto(pruned, zeros, where=~kept)
    return pruned
