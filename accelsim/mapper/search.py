"""The plan search: every tiling of a pruned grid, priced by the machine's own recurrence.

Tile sizes are halvings of each loop (rounded to what the array and the encoding take whole); orders
are the permutations of the loops that have more than one tile. Fetches and drains are exact bytes of
the encoded tensors; compute cycles are those of sampled sets of this layer, scaled to the tile.
"""

from dataclasses import dataclass, replace
from itertools import permutations, product
from math import lcm, prod

import numpy as np
import numpy.typing as npt

from accelsim.dataflows import DATAFLOWS, Prepared
from accelsim.dataflows._estimate_kernel import estimated_cycles
from accelsim.errors import PlanError
from accelsim.hardware import Accelerator
from accelsim.mapper import _price_kernel
from accelsim.mapper.encoded import EncodedSizes, filter_block
from accelsim.mapper.traffic import (
    check_fits,
    chip_vector,
    extents_vector,
    layer_vector,
    operand_uses,
    plan_traffic,
    size_arrays,
)
from accelsim.network import Layer
from accelsim.plan import LOOPS, Plan, Unrolling, check, loop_extents, tile_boxes
from accelsim.units import ceil_div

Ints = npt.NDArray[np.int64]
MOST_TILES = 2048
# Compute cycles are sampled: plans this close are equally fast, and the one with fewer DRAM bytes wins.
SAME_CYCLES_FRACTION = 0.01


@dataclass(frozen=True, slots=True)
class Price:
    """A plan and what it costs."""

    cycles: int
    dram_bytes: int
    tiles: int
    plan: Plan


def best_plan(prepared: Prepared, sizes: EncodedSizes, chip: Accelerator) -> Price:
    """The fastest plan of the grid; of those as fast, the one with the fewest DRAM bytes.

    Where the array has a choice of unrollings, the grid is priced with its own first, and again with the one
    whose compute is estimated least on the tiles of the best plan: the faster of both is taken.

    Raises
    ------
    PlanError
        If no tiling fits; the message says how many bytes the one that needs least lacks.
    """
    layer, dataflow = prepared.layer, DATAFLOWS[chip.dataflow]
    plans = candidates(layer, chip)
    if not plans:
        raise PlanError(f"{layer.name}: no plan of at most {MOST_TILES} tiles that {chip.name} can map")
    own, *others = dataflow.unrollings(layer, chip)
    rate = dataflow.step_cycles(prepared, chip, own)
    found = _best_of(plans, sizes, chip, layer, rate, own)
    spatial, faster = own, rate
    boxes, vector = tile_boxes(found.plan, layer), layer_vector(layer, chip)
    compute = estimated_cycles(boxes, vector, dataflow.estimate_vector(chip, own), rate).sum()
    for choice in others:
        rate = dataflow.step_cycles(prepared, chip, choice)
        cycles = estimated_cycles(boxes, vector, dataflow.estimate_vector(chip, choice), rate).sum()
        if cycles < compute:
            spatial, faster, compute = choice, rate, cycles
    if spatial == own:
        return found
    other = _best_of(plans, sizes, chip, layer, faster, spatial)
    return min(found, other, key=lambda price: (price.cycles, price.dram_bytes))


def _best_of(
    plans: list[Plan],
    sizes: EncodedSizes,
    chip: Accelerator,
    layer: Layer,
    rate: float,
    spatial: Unrolling | None,
) -> Price:
    """The best of some plans with one unrolling, as `best_plan`."""
    prices = price_plans(plans, sizes, chip, layer, rate, spatial)
    fitting = np.flatnonzero(prices[:, _price_kernel.LIVE_BYTES] <= chip.scratchpad.capacity_bytes)
    if not fitting.size:
        least = int(np.argmin(prices[:, _price_kernel.LIVE_BYTES]))
        checked(plans[least], layer, chip, sizes)  # raises
    cycles, moved, tiles, _ = prices[fitting].T
    as_fast = np.flatnonzero(cycles <= cycles.min() * (1 + SAME_CYCLES_FRACTION))
    best = as_fast[np.lexsort((tiles[as_fast], cycles[as_fast], moved[as_fast]))[0]]
    plan = replace(plans[fitting[best]], spatial=spatial)
    return Price(int(cycles[best]), int(moved[best]), int(tiles[best]), plan)


def price_plans(
    plans: list[Plan],
    sizes: EncodedSizes,
    chip: Accelerator,
    layer: Layer,
    rate: float,
    spatial: Unrolling | None = None,
) -> Ints:
    """Prices of plans without resident operands: int64 [plans, 4], columns _price_kernel.

    Plans that cannot be among the fastest, by SAME_CYCLES_FRACTION, are not priced.

    Parameters
    ----------
    rate : float, mean cycles of a step, as `step_cycles` of the dataflow
    spatial : that of all plans
    """
    dram_rate = chip.dram_bytes_per_cycle
    rows = [
        (p.tile_n, p.tile_k, p.tile_c, p.tile_p, p.tile_q, *(LOOPS.index(letter) for letter in p.order))
        for p in plans
    ]
    machine = [
        chip.scratchpad.capacity_bytes,
        dram_rate.numerator,
        dram_rate.denominator,
        chip.dram_latency_cycles,
    ]
    prices: Ints = _price_kernel.price_plans(
        np.array(rows, np.int64),
        operand_uses(layer),
        extents_vector(layer),
        layer_vector(layer, chip),
        chip_vector(layer, chip),
        np.array(machine, np.int64),
        DATAFLOWS[chip.dataflow].estimate_vector(chip, spatial),
        rate,
        1 + SAME_CYCLES_FRACTION,
        size_arrays(sizes),
    )
    return prices


def candidates(layer: Layer, chip: Accelerator) -> list[Plan]:
    """All plans of the grid with at most MOST_TILES tiles, larger tiles first."""
    extents = loop_extents(layer)
    array = chip.pe_array
    sizes = {
        "N": _halvings(extents["N"], 1),
        "K": _filter_tiles(layer, chip),
        "C": _halvings(extents["C"], array.chunk_elements),
        "P": _halvings(extents["P"], 1),
        "Q": _halvings(extents["Q"], 1)[:3],
    }
    plans = []
    for n, k, c, p, q in product(*(sizes[letter] for letter in LOOPS)):
        chosen = dict(zip(LOOPS, (n, k, c, p, q), strict=True))
        tiles = {letter: ceil_div(extents[letter], chosen[letter]) for letter in LOOPS}
        if (q < extents["Q"] and p > 1) or (1 < n < extents["N"] and p < extents["P"]):
            continue  # rows are cut before columns, inputs before rows: fewer halos
        if c < extents["C"] and k > layer.group_filters:
            continue
        if prod(tiles.values()) > MOST_TILES:
            continue
        found = [
            Plan(tile_n=n, tile_k=k, tile_c=c, tile_p=p, tile_q=q, order=order) for order in _orders(tiles)
        ]
        if DATAFLOWS[chip.dataflow].plan_refusal(found[0], layer, chip) is None:
            plans += found
    return plans


def _orders(tiles: dict[str, int]) -> list[str]:
    """Orders of the loops with more than one tile; N, P, Q keep their order among themselves."""
    plane = "".join(letter for letter in "NPQ" if tiles[letter] > 1)
    parts = [part for part in (plane, *(letter for letter in "KC" if tiles[letter] > 1)) if part]
    rest = "".join(letter for letter in LOOPS if tiles[letter] == 1)
    return [rest + "".join(order) for order in permutations(parts)]


def _halvings(extent: int, quantum: int) -> list[int]:
    """The extent and its halvings, rounded up to the quantum: from large to small."""
    found = [extent]
    while found[-1] > quantum:
        size = ceil_div(ceil_div(extent, 1 << len(found)), quantum) * quantum
        if size < found[-1]:
            found.append(size)
        else:
            break
    return found


def _filter_tiles(layer: Layer, chip: Accelerator) -> list[int]:
    """Tiles of filters: whole, or halvings in what the array takes at once; whole groups, or parts of one."""
    block, at_once = filter_block(layer, chip), DATAFLOWS[chip.dataflow].filters_at_once(chip)
    if layer.groups == 1:
        return _halvings(layer.filters, ceil_div(at_once, block) * block)
    groups = lcm(layer.group_filters, block)
    parts = _halvings(layer.group_filters, ceil_div(at_once, block) * block)[1:]
    divisors = [size for size in parts if layer.group_filters % size == 0]
    return _halvings(layer.filters, ceil_div(at_once, groups) * groups) + divisors


def checked(plan: Plan, layer: Layer, chip: Accelerator, sizes: EncodedSizes) -> tuple[Ints, Ints]:
    """Boxes and traffic of a plan that a user fixed; raises PlanError if it cannot cut or does not fit."""
    check(plan, layer, chip.pe_array.chunk_elements)
    if plan.spatial is not None and chip.dataflow != "inner_join":
        raise PlanError(
            f"{layer.name}: {chip.name}: {chip.dataflow} has one mapping of its own: no {plan.spatial}"
        )
    if reason := DATAFLOWS[chip.dataflow].plan_refusal(plan, layer, chip):
        raise PlanError(f"{layer.name}: {chip.name}: {reason}")
    boxes = tile_boxes(plan, layer)
    traffic, live = plan_traffic(plan, boxes, layer, chip, sizes)
    check_fits(live, boxes, layer, chip)
    return boxes, traffic
