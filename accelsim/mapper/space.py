"""The plans of a layer on a chip among which the mapper chooses (docs/mapper.md, section 1)."""

from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations, permutations, product
from math import lcm

import numpy as np
import numpy.typing as npt

from accelsim.dataflows import DATAFLOWS
from accelsim.errors import PlanError
from accelsim.hardware import Accelerator
from accelsim.mapper.encoded import filter_block
from accelsim.network import Layer
from accelsim.plan import LOOPS, NOTHING_FIXED, OPERAND_LOOPS, Fixed, Plan, check, loop_extents
from accelsim.units import ceil_div

Ints = npt.NDArray[np.int64]
# Of the machine: every tile takes an event of its simulation. Where nothing fits, the second holds.
MOST_TILES = (2048, 1 << 17)


@dataclass(frozen=True, slots=True)
class Space:
    """Tilings, orders and sets of resident operands; every combination that fits is a plan.

    Attributes
    ----------
    choices : int64 [5, most], sizes of the loops n k c p q
    widths : int64 [5], how many of them each loop has
    tilings : int64 [tilings, 5], index of each loop's size
    orders : int64 [32, most, 5], loops outermost first, by which loops turn (a bit each)
    orders_of : int64 [32], how many
    residents : uint8 [sets, 3], weights, activations, outputs
    every : residency is fixed: sets that change nothing are kept
    """

    choices: Ints
    widths: Ints
    tilings: Ints
    orders: Ints
    orders_of: Ints
    residents: npt.NDArray[np.uint8]
    every: bool

    def arrays(self) -> tuple[Ints, Ints, Ints, Ints, Ints, npt.NDArray[np.uint8], bool]:
        """As the search kernel takes them apart."""
        return (
            self.tilings,
            self.choices,
            self.widths,
            self.orders,
            self.orders_of,
            self.residents,
            self.every,
        )


def useful_sizes(extent: int, quantum: int) -> list[int]:
    """For each number of tiles the smallest size, in quanta, that has it: from large to small."""
    quanta = ceil_div(extent, quantum)
    sizes = dict.fromkeys(ceil_div(quanta, tiles) for tiles in range(1, quanta + 1))
    return [min(size * quantum, extent) for size in sizes]


def filter_sizes(layer: Layer, chip: Accelerator) -> list[int]:
    """Sizes of tiles of filters: in what the array takes at once; whole groups, or parts of one."""
    block, at_once = filter_block(layer, chip), DATAFLOWS[chip.dataflow].filters_at_once(chip)
    quantum = ceil_div(at_once, block) * block
    if layer.groups == 1:
        return useful_sizes(layer.filters, quantum)
    groups = lcm(layer.group_filters, block)
    parts = [
        size
        for size in range(layer.group_filters - 1, 0, -1)
        if size % quantum == 0 and layer.group_filters % size == 0
    ]
    return useful_sizes(layer.filters, ceil_div(at_once, groups) * groups) + parts


def plan_space(layer: Layer, chip: Accelerator, fixed: Fixed, most_tiles: int) -> Space:
    """The plans that cut a layer in at most so many tiles, with what a user fixed.

    Raises
    ------
    PlanError
        If what is fixed cuts no layer of this kind, or the machine can map none of the tiles.
    """
    extents = loop_extents(layer)
    free = {
        "N": useful_sizes(extents["N"], 1),
        "K": filter_sizes(layer, chip),
        "C": useful_sizes(extents["C"], chip.pe_array.chunk_elements),
        "P": useful_sizes(extents["P"], 1),
        "Q": useful_sizes(extents["Q"], 1),
    }
    given = fixed.sizes()
    sizes = {letter: free[letter] for letter in LOOPS}
    sizes |= {letter: [size] for letter, size in given.items() if size is not None}
    _check_fixed(layer, chip, fixed, free)
    tilings = _tilings(layer, sizes, extents, most_tiles)
    tilings = _mappable(tilings, sizes, layer, chip)
    return _space(sizes, tilings, fixed)


def whole_space(layer: Layer, channel_quantum: int) -> Space:
    """All plans of a layer without groups on no machine in particular: filters and channels cut at will."""
    extents = loop_extents(layer)
    quanta = {"C": channel_quantum}
    sizes = {letter: useful_sizes(extents[letter], quanta.get(letter, 1)) for letter in LOOPS}
    return _space(sizes, _tilings(layer, sizes, extents, 1 << 62), NOTHING_FIXED)


def _space(sizes: dict[str, list[int]], tilings: Ints, fixed: Fixed) -> Space:
    choices = np.ones((5, max(map(len, sizes.values()))), np.int64)
    for loop, letter in enumerate(LOOPS):
        choices[loop, : len(sizes[letter])] = sizes[letter]
    orders, orders_of = _orders(fixed.order)
    subsets = [set(c) for count in range(4) for c in combinations(OPERAND_LOOPS, count)]
    if fixed.resident is not None:
        subsets = [set(fixed.resident)]
    residents = np.array([[operand in kept for operand in OPERAND_LOOPS] for kept in subsets], np.uint8)
    widths = np.array([len(sizes[letter]) for letter in LOOPS], np.int64)
    return Space(choices, widths, tilings, orders, orders_of, residents, fixed.resident is not None)


def _check_fixed(layer: Layer, chip: Accelerator, fixed: Fixed, free: dict[str, list[int]]) -> None:
    """Raise what `plan.check` raises of a plan with the fixed parts and the smallest of the others."""
    smallest = {
        letter: size if size is not None else min(free[letter]) for letter, size in fixed.sizes().items()
    }
    if fixed.tile_c is None and smallest["K"] > layer.group_filters:
        smallest["C"] = layer.group_channels
    if fixed.tile_k is None and smallest["C"] < layer.group_channels:
        smallest["K"] = min(smallest["K"], layer.group_filters)
    plan = Plan(**{f"tile_{letter.lower()}": size for letter, size in smallest.items()})  # type: ignore[arg-type]
    check(replace(plan, order=fixed.order or plan.order), layer, chip.pe_array.chunk_elements)
    block = filter_block(layer, chip, fixed.tile_k)
    if fixed.tile_k is not None and fixed.tile_k % block and fixed.tile_k < layer.filters:
        raise PlanError(
            f"{layer.name}: tile_k must be all filters or a multiple of {block}, not {fixed.tile_k}"
        )


def _tilings(layer: Layer, sizes: dict[str, list[int]], extents: dict[str, int], most_tiles: int) -> Ints:
    grids = np.meshgrid(*(np.arange(len(sizes[letter])) for letter in LOOPS), indexing="ij")
    tilings = np.stack([grid.ravel() for grid in grids], axis=1).astype(np.int64)
    tiles = np.ones(len(tilings), np.int64)
    for loop, letter in enumerate(LOOPS):
        counts = np.array([ceil_div(extents[letter], size) for size in sizes[letter]], np.int64)
        tiles *= counts[tilings[:, loop]]
    filters, channels = (np.array(sizes[letter])[tilings[:, LOOPS.index(letter)]] for letter in "KC")
    kept = tiles <= most_tiles
    kept &= ~((channels < extents["C"]) & (filters > layer.group_filters))
    return tilings[kept]


def _mappable(tilings: Ints, sizes: dict[str, list[int]], layer: Layer, chip: Accelerator) -> Ints:
    """The tilings whose tiles the machine can map; asked once per tile in the loops that it looks at."""
    dataflow = DATAFLOWS[chip.dataflow]
    letters: str = dataflow.PLAN_REFUSAL_LOOPS
    refused: dict[tuple[int, ...], str | None] = {}
    columns = [LOOPS.index(letter) for letter in letters]
    if not columns or not len(tilings):
        return tilings
    asked, inverse = np.unique(tilings[:, columns], axis=0, return_inverse=True)
    for row in asked.tolist():
        part = dict(zip(letters, row, strict=True))
        tile = {f"tile_{letter.lower()}": sizes[letter][part.get(letter, 0)] for letter in LOOPS}
        refused[tuple(row)] = dataflow.plan_refusal(Plan(**tile), layer, chip)
    reasons = [refused[tuple(row)] for row in asked.tolist()]
    if all(reasons):
        raise PlanError(f"{layer.name}: {chip.name}: {reasons[-1]}")
    allowed = np.array([reason is None for reason in reasons])
    mapped: Ints = tilings[allowed[inverse.ravel()]]
    return mapped


def _orders(fixed: str | None) -> tuple[Ints, Ints]:
    if fixed is None:
        return _all_orders()
    row = [LOOPS.index(letter) for letter in fixed]
    return np.tile(np.array(row, np.int64), (32, 1, 1)), np.ones(32, np.int64)


@cache
def _all_orders() -> tuple[Ints, Ints]:
    """Of each set of loops that turn, all orders of these; the others stand before them."""
    orders, orders_of = np.zeros((32, 120, 5), np.int64), np.zeros(32, np.int64)
    for cut, *_ in product(range(32)):
        turning = [loop for loop in range(5) if cut >> loop & 1]
        still = [loop for loop in range(5) if not cut >> loop & 1]
        for i, order in enumerate(permutations(turning)):
            orders[cut, i] = [*still, *order]
            orders_of[cut] = i + 1
    return orders, orders_of
