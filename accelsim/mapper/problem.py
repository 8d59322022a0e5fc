"""What the search of a layer's plan looks at, and nothing of DRAM's rate or latency: points of a bandwidth
axis share it, with the plans that earlier searches walked."""

import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.dataflows import DATAFLOWS, Prepared
from accelsim.hardware import Accelerator
from accelsim.mapper import _bounds_kernel, _memory_kernel
from accelsim.mapper.encoded import EncodedSizes
from accelsim.mapper.space import Space, plan_space
from accelsim.mapper.traffic import chip_vector, extents_vector, layer_vector, operand_uses, size_arrays
from accelsim.plan import Fixed, Unrolling

Ints = npt.NDArray[np.int64]
_PLANS, _WORDS, _WALKS = 4096, 1 << 15, 256  # room at first; what lacks room is made again, and gets more
_MOST_WORDS = 1 << 22  # 32 MB of requests


@dataclass(slots=True)
class Memory:
    """What earlier searches of a problem found: arrays of `_memory_kernel`; with no room, nothing is kept."""

    arrays: tuple[Ints, ...]

    def grow(self) -> None:
        """Twice the room where it was lacked; what is not kept is walked again."""
        used = self.arrays[_memory_kernel.USED]
        if not used[_memory_kernel.LACKED]:
            return
        used[_memory_kernel.LACKED] = 0
        state, exact, plans, words, walks, _ = self.arrays
        if 0 < words.size < _MOST_WORDS:
            self.arrays = state, exact, _doubled(plans), _doubled(words), _doubled(walks), used


def _doubled(array: Ints) -> Ints:
    return np.concatenate([array, np.zeros_like(array)])


@dataclass(slots=True)
class Problem:
    """A layer's plans with one unrolling: the space, lower bounds of its tilings, arrays of the kernels.

    `space` has no tilings where none cuts the layer; then there are neither rows nor arrays. One search at a
    time: `lock` is held by it.
    """

    space: Space
    rows: Ints
    arrays: tuple[Any, ...]
    memory: Memory
    lock: Any = field(default_factory=threading.Lock)

    @property
    def held_bytes(self) -> int:
        """Bytes that it holds, with room for what it is to remember."""
        of_space = self.space.tilings.nbytes + self.space.choices.nbytes
        return int(self.rows.nbytes + of_space + 2 * sum(one.nbytes for one in self.memory.arrays))


def problem_of(
    prepared: Prepared,
    sizes: EncodedSizes,
    fixed: Fixed,
    most_tiles: int,
    spatial: Unrolling | None,
    remembers: bool,
    chip: Accelerator,
) -> Problem:
    """The problem of a layer on a chip.

    Parameters
    ----------
    most_tiles : of a plan
    spatial : one of the dataflow's unrollings
    remembers : whether searches remember what they walk

    Raises
    ------
    PlanError
        As `plan_space`.
    """
    layer, dataflow = prepared.layer, DATAFLOWS[chip.dataflow]
    space = plan_space(layer, chip, fixed, most_tiles)
    if not len(space.tilings):
        return Problem(space, np.empty((0, _bounds_kernel.ROW), np.int64), (), _memory(0, False))
    arrays = (
        operand_uses(layer),
        extents_vector(layer),
        layer_vector(layer, chip),
        chip_vector(layer, chip),
        dataflow.estimate_vector(chip, spatial),
        dataflow.step_cycles(prepared, chip, spatial),
        size_arrays(sizes),
    )
    rows = _bounds_kernel.bounded_tilings(space.tilings, space.choices, space.widths, *arrays[1:])
    return Problem(space, rows, arrays, _memory(len(rows), remembers))


def _memory(tilings: int, remembers: bool) -> Memory:
    plans, words, walks = (_PLANS, _WORDS, _WALKS) if remembers else (0, 0, 0)
    state = np.zeros((tilings, 3), np.int64)
    state[:, _memory_kernel.FIRST] = -1
    return Memory(
        (
            state,
            np.empty((tilings, _bounds_kernel.ROW), np.int64),
            np.zeros((plans, 6), np.int64),
            np.zeros(words, np.int64),
            np.zeros((walks, 3), np.int64),
            np.zeros(4, np.int64),
        )
    )
