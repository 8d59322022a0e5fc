"""Toggles of `inner_join` from real operand streams, all sets or a sample.

Defined in docs/dataflows/inner_join_toggles.md.

A tile's counts do not depend on time, so this stands beside the cycle kernel, not in it: counting reads
every pair's values, where cycles need masks alone.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from accelsim.dataflows import _inner_join_toggles_kernel as at
from accelsim.dataflows._inner_join_toggles_pe import DENSE_MACS
from accelsim.dataflows.inner_join import parameters
from accelsim.hardware import Accelerator
from accelsim.kernels.windows import geometry_vector
from accelsim.plan import Unrolling
from accelsim.tables import TOGGLES
from accelsim.toggles import ToggleCounts
from accelsim.trace import LayerTrace

Ints = npt.NDArray[np.int64]
SAMPLED_FRACTION = 0.02
LEAST_SETS = 64


def tile_toggles(
    trace: LayerTrace, box: Ints, chip: Accelerator, spatial: Unrolling | None = None
) -> dict[str, int]:
    """Every toggle of one tile, by the names of tables.TOGGLES; box as tables.BOX."""
    walk = _Walk(trace, chip, spatial)
    sums = walk.sets(box, np.arange(walk.number_of_sets(box))).sum(axis=0)
    return dict(zip(TOGGLES, sums[: len(TOGGLES)].tolist(), strict=True))


def layer_toggles(
    trace: LayerTrace,
    boxes: Ints,
    chip: Accelerator,
    spatial: Unrolling | None = None,
    *,
    exact: bool = False,
    seed: int | Sequence[int] = 0,
) -> ToggleCounts:
    """Toggles of all tiles of a layer.

    Parameters
    ----------
    boxes : int64 [tiles, 10], columns tables.BOX
    spatial : what the PEs hold at once; None: a filter a row, a position a column
    exact : count every set; else a seeded sample of whole output sets
    """
    walk = _Walk(trace, chip, spatial)
    ends = np.cumsum([walk.number_of_sets(box) for box in boxes])
    every = int(ends[-1])
    wanted = every if exact else _sample_size(every)
    drawn = np.arange(every)
    if wanted < every:
        drawn = np.sort(np.random.default_rng(seed).choice(every, wanted, replace=False))
    starts = np.concatenate([[0], ends[:-1]])
    cuts = np.searchsorted(drawn, ends)
    of_tiles = np.split(drawn, cuts[:-1])
    found = [
        walk.sets(box, own - start)
        for box, own, start in zip(boxes, of_tiles, starts, strict=True)
        if own.size
    ]
    sums = np.concatenate(found)
    if wanted < every:
        return _estimate(sums, every, trace.layer.dense_macs)
    counts = dict(zip(TOGGLES, sums.sum(axis=0)[: len(TOGGLES)].tolist(), strict=True))
    return ToggleCounts(counts, dict.fromkeys(TOGGLES, 0.0), 1.0)


def _sample_size(sets: int) -> int:
    return min(sets, max(LEAST_SETS, int(np.ceil(SAMPLED_FRACTION * sets))))


def _estimate(sums: Ints, every: int, dense_macs: int) -> ToggleCounts:
    """Ratio estimates: toggles per dense MAC of the drawn sets, times the layer's dense MACs."""
    drawn, macs = len(sums), sums[:, DENSE_MACS].astype(float)
    counts, errors = {}, {}
    for column, name in enumerate(TOGGLES):
        toggles = sums[:, column].astype(float)
        ratio = toggles.sum() / macs.sum()
        counts[name] = round(ratio * dense_macs)
        spread = float(((toggles - ratio * macs) ** 2).sum()) / (drawn - 1)
        error = np.sqrt((1 - drawn / every) * spread / drawn)
        errors[name] = float(error / toggles.mean()) if toggles.any() else 0.0
    return ToggleCounts(counts, errors, float(macs.sum()) / dense_macs)


class _Walk:
    """A layer's tensors as the kernel takes them."""

    def __init__(self, trace: LayerTrace, chip: Accelerator, spatial: Unrolling | None) -> None:
        layer, array = trace.layer, chip.pe_array
        held = spatial or Unrolling(array.rows, array.columns)
        k, r, s, c = layer.weight_shape
        self.layer, self.parameters = layer, parameters(chip, held)
        self.weights = np.ascontiguousarray(trace.weights).reshape(k, r * s, c)
        self.weight_zeros = np.ascontiguousarray(np.broadcast_to(trace.weight_zero_points, k), np.int32)
        self.activations = np.ascontiguousarray(trace.activations).reshape(-1, layer.activation_shape[3])
        accumulator = (1 << min(array.accumulator_bits, 63)) - 1
        self.numbers = np.array([trace.activation_zero_point, accumulator], np.int64)

    def number_of_sets(self, box: Ints) -> int:
        """Output sets of a tile."""
        return int(at.sets_of_tile(box, self.layer.group_filters, self.parameters))

    def sets(self, box: Ints, numbers: Ints) -> Ints:
        """Sums of sets of a tile, by ascending number: int64 [sets, SUMS]."""
        found: Ints = at.walk_sets(
            box,
            numbers,
            geometry_vector(self.layer),
            self.layer.group_filters,
            self.parameters,
            self.numbers,
            self.weights,
            self.weight_zeros,
            self.activations,
        )
        return found
