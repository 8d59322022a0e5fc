"""How a layer is cut: tile sizes, order of the tile loops, what the array and the scratchpad hold.

::

    for the tile loops in `order`, outermost first      # a permutation of N K C P Q
      tile = box of n, k, c, p, q                       # edges are smaller
        the dataflow's own loops

C is counted in channels of one group; a tile's filters are a part of one group or whole groups, and a
tile of several groups keeps all C.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from accelsim.errors import PlanError
from accelsim.network import Layer
from accelsim.tables import BOX
from accelsim.units import ceil_div

Operand = Literal["weights", "activations", "outputs"]
Objective = Literal["cycles", "dram", "energy", "edp"]  # what a plan is chosen for; edp: energy x cycles
LOOPS = "NKCPQ"
# The loops that change an operand's tile; the others reuse it.
OPERAND_LOOPS: dict[str, str] = {"weights": "KC", "activations": "NKCPQ", "outputs": "NKPQ"}


@dataclass(frozen=True, slots=True)
class Tile:
    """A box of the loop nest: half-open ranges of n, k (filters), c (channels of a group), p and q."""

    n0: int
    n1: int
    k0: int
    k1: int
    c0: int
    c1: int
    p0: int
    p1: int
    q0: int
    q1: int

    @property
    def outputs(self) -> int:
        """Elements of the output box."""
        return (self.n1 - self.n0) * (self.k1 - self.k0) * (self.p1 - self.p0) * (self.q1 - self.q0)


@dataclass(frozen=True, slots=True)
class Unrolling:
    """What an array holds at once: filters (K) x output positions (NPQ) x parts of a reduction (CRS)."""

    filters: int
    positions: int
    parts: int = 1

    @property
    def pes(self) -> int:
        """PEs that it takes."""
        return self.filters * self.positions * self.parts

    def __str__(self) -> str:
        return f"K{self.filters}+NPQ{self.positions}+CRS{self.parts}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Tile sizes (counts), loop order (outermost first), spatial unrolling, resident operands.

    `spatial` None is the mapping that the array has of its own, as its dataflow's page describes it.
    `resident` operands are fetched once, at their first use, and kept until their last.
    """

    tile_n: int
    tile_k: int
    tile_c: int
    tile_p: int
    tile_q: int
    order: str = "NKPQC"
    spatial: Unrolling | None = None
    resident: frozenset[Operand] = frozenset()

    def sizes(self) -> dict[str, int]:
        """Tile size by loop letter."""
        return {"N": self.tile_n, "K": self.tile_k, "C": self.tile_c, "P": self.tile_p, "Q": self.tile_q}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """What a user fixed of a plan; the mapper chooses what is None."""

    tile_n: int | None = None
    tile_k: int | None = None
    tile_c: int | None = None
    tile_p: int | None = None
    tile_q: int | None = None
    order: str | None = None
    resident: frozenset[Operand] | None = None
    spatial: Unrolling | None = None

    def sizes(self) -> dict[str, int | None]:
        """Tile size by loop letter."""
        return {"N": self.tile_n, "K": self.tile_k, "C": self.tile_c, "P": self.tile_p, "Q": self.tile_q}


NOTHING_FIXED = Fixed()


def loop_extents(layer: Layer) -> dict[str, int]:
    """Extent of each tile loop by letter; C is channels of one group."""
    n, p, q, k = layer.output_shape
    return {"N": n, "K": k, "C": layer.group_channels, "P": p, "Q": q}


def whole(layer: Layer) -> Plan:
    """The plan of one tile."""
    e = loop_extents(layer)
    return Plan(tile_n=e["N"], tile_k=e["K"], tile_c=e["C"], tile_p=e["P"], tile_q=e["Q"])


def plan_text(plan: Plan) -> str:
    """A plan in one line: `N1 K64 P14 Q56 C256`, outermost loop first."""
    sizes = plan.sizes()
    text = " ".join(f"{letter}{sizes[letter]}" for letter in plan.order)
    return text + (f" resident:{'+'.join(sorted(plan.resident))}" if plan.resident else "")


def check(plan: Plan, layer: Layer, chunk_elements: int) -> None:
    """Raise PlanError unless the plan can cut this layer (whether it fits is the scratchpad's question)."""
    extents = loop_extents(layer)
    if sorted(plan.order) != sorted(LOOPS):
        raise PlanError(f"{layer.name}: order must be a permutation of {LOOPS}, not {plan.order!r}")
    for letter, size in plan.sizes().items():
        if size < 1:
            raise PlanError(f"{layer.name}: tile_{letter.lower()} must be at least 1, not {size}")
    if plan.tile_c < extents["C"] and plan.tile_c % chunk_elements:
        raise PlanError(
            f"{layer.name}: tile_c must be all {extents['C']} channels or a multiple of the chunk of "
            f"{chunk_elements}, not {plan.tile_c}"
        )
    if plan.tile_c < extents["C"] and plan.tile_k > layer.group_filters:
        raise PlanError(f"{layer.name}: a tile of several groups keeps all C, not {plan.tile_c}")
    per_group = layer.group_filters
    if (
        layer.groups > 1
        and plan.tile_k < extents["K"]
        and plan.tile_k % per_group
        and per_group % plan.tile_k
    ):
        raise PlanError(
            f"{layer.name}: tile_k must divide the {per_group} filters of a group or be whole groups, "
            f"not {plan.tile_k}"
        )


def tile_boxes(plan: Plan, layer: Layer) -> npt.NDArray[np.int64]:
    """All tiles in execution order: int64[tiles, 10], columns as `tables.BOX`."""
    extents, sizes = loop_extents(layer), plan.sizes()
    counts = [ceil_div(extents[letter], sizes[letter]) for letter in plan.order]
    grid = np.indices(counts).reshape(len(counts), -1)
    boxes = np.empty((grid.shape[1], len(BOX)), np.int64)
    for index, letter in zip(grid, plan.order, strict=True):
        column = BOX.index(f"{letter.lower()}0")
        boxes[:, column] = index * sizes[letter]
        boxes[:, column + 1] = np.minimum(boxes[:, column] + sizes[letter], extents[letter])
    return boxes


def box_array(tile: Tile) -> npt.NDArray[np.int64]:
    """int64 [10] of a tile, in the order of tables.BOX."""
    return np.array([getattr(tile, name) for name in BOX], np.int64)


def tile_of(row: npt.NDArray[np.int64]) -> Tile:
    """The Tile of one row of `tile_boxes`."""
    return Tile(*(int(value) for value in row))
