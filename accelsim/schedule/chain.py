"""Fused layers: which chains there are, how they can be cut, what each cut moves (docs/between_layers.md).

::

    band height x, per layer, (all weights resident | filters in tiles, their weights fetched band by band)
      tiles in band order -> each layer's traffic by the mapper's own kernel
                          -> rows between layers reserved by who writes them, freed by who reads them last
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from accelsim.dataflows import DATAFLOWS
from accelsim.dataflows._estimate_kernel import estimated_cycles
from accelsim.energy import action_counts, price
from accelsim.hardware import Accelerator
from accelsim.machine.idle import layer_cycles
from accelsim.machine.replay import replay_layer
from accelsim.mapper import _cost_kernel, _traffic_kernel
from accelsim.mapper.costs import prices_of, sampled
from accelsim.mapper.encoded import EncodedSizes
from accelsim.mapper.space import filter_sizes
from accelsim.mapper.traffic import (
    chip_vector,
    extents_vector,
    layer_vector,
    operand_uses,
    size_arrays,
)
from accelsim.network import LayerNode
from accelsim.plan import Objective, Plan
from accelsim.schedule.bands import Bands, chain_bands
from accelsim.schedule.keep_search import Cost
from accelsim.schedule.lives import Node
from accelsim.schedule.planning import BY_ENERGY, LayerInput, dram_bytes
from accelsim.schedule.reused import with_kept
from accelsim.schedule.weighing import weigh_of
from accelsim.tables import COUNTERS, TRAFFIC, WORK, Table
from accelsim.trace.graph import node_inputs
from accelsim.units import ceil_div

Ints = npt.NDArray[np.int64]
MOST_LAYERS = 3
MOST_CHAIN_TILES = 1024
# A chain is worth a look if a tensor within takes more than this share of the scratchpad: smaller ones stay.
LEAST_SHARE = 4
_RESERVE, _AFTER_COMPUTE, _AFTER_DRAIN = (
    TRAFFIC.index(f"{name}_bytes") for name in ("reserve", "release_after_compute", "release_after_drain")
)


@dataclass(frozen=True, slots=True)
class Cut:
    """How a chain is cut: rows of the last layer in a band; of each layer, its tiles as a plan."""

    band_rows: int
    plans: tuple[Plan, ...]


@dataclass(frozen=True, slots=True)
class ChainTraffic:
    """A cut's tiles in order of execution: their bytes, columns TRAFFIC, and the bytes that each needs."""

    bands: Bands
    traffic: Ints
    live: Ints

    def of_layer(self, layer: int) -> Ints:
        """Rows of one layer's tiles."""
        rows: Ints = self.traffic[self.bands.layer_of == layer]
        return rows


@dataclass(frozen=True, slots=True)
class CutCost:
    """A cut and what it costs; `dram_bytes` of each layer."""

    cut: Cut
    live_bytes: int
    dram_bytes: tuple[int, ...]
    cost: Cost


def chain_ends(
    nodes: Sequence[Node], sizes: Mapping[str, int], least_bytes: int, fixed: Collection[str]
) -> list[list[int]]:
    """For each node, the ends (exclusive) of what can begin with it: itself, and chains of convolutions.

    Each layer of a chain is followed at once by the only node that reads its output.

    Parameters
    ----------
    sizes : bytes of tensors that need not go to DRAM
    least_bytes : a chain is left out unless a tensor within takes more
    fixed : layers whose plan a user fixed; they run alone
    """
    readers = Counter(name for node in nodes for name in node_inputs(node))
    found = []
    for first in range(len(nodes)):
        ends, largest = [first + 1], 0
        for end in range(first + 2, min(first + MOST_LAYERS, len(nodes)) + 1):
            before, after = nodes[end - 2], nodes[end - 1]
            name = before.output
            if not (_fusable(before, fixed) and _fusable(after, fixed) and node_inputs(after) == (name,)):
                break
            if readers[name] != 1 or name not in sizes:
                break
            largest = max(largest, sizes[name])
            if largest > least_bytes:
                ends.append(end)
        found.append(ends)
    return found


def _fusable(node: Node, fixed: Collection[str]) -> bool:
    return isinstance(node, LayerNode) and node.layer.kind == "convolution" and node.layer.name not in fixed


def chain_sizes(inputs: Sequence[LayerInput], kept_in: bool, kept_out: bool) -> list[EncodedSizes]:
    """Each layer's sizes, with what it finds in the scratchpad and leaves there."""
    last = len(inputs) - 1
    return [with_kept(one.sizes, i > 0 or kept_in, i < last or kept_out) for i, one in enumerate(inputs)]


def chain_traffic(
    inputs: Sequence[LayerInput],
    sizes: Sequence[EncodedSizes],
    cut: Cut,
    chip: Accelerator,
    bands: Bands | None = None,
) -> ChainTraffic:
    """Bytes of every tile of a cut; `bands` are its tiles, if they are known."""
    layers = [one.trace.layer for one in inputs]
    if bands is None:
        bands = chain_bands(layers, cut.band_rows, [plan.tile_k for plan in cut.plans])
    traffic = np.zeros((len(bands.layer_of), len(TRAFFIC)), np.int64)
    for i, (layer, of, plan) in enumerate(zip(layers, sizes, cut.plans, strict=True)):
        resident = np.array(["weights" in plan.resident, 0, 0], np.uint8)
        traffic[bands.layer_of == i], _ = _traffic_kernel.plan_traffic(
            bands.boxes[i],
            operand_uses(layer),
            extents_vector(layer),
            resident,
            layer_vector(layer, chip),
            chip_vector(layer, chip),
            size_arrays(of),
        )
    for events, column in ((bands.made, _RESERVE), (bands.used, _AFTER_COMPUTE)):
        for tile, layer_index, n, first, end in events:
            traffic[tile, column] += _row_bytes(sizes[layer_index + 1], n, first, end, chip)
    freed = traffic[:, _AFTER_COMPUTE] + traffic[:, _AFTER_DRAIN]
    live = np.cumsum(traffic[:, _RESERVE]) - np.cumsum(freed) + freed
    return ChainTraffic(bands, traffic, live)


def _row_bytes(sizes: EncodedSizes, n: int, first: int, end: int, chip: Accelerator) -> int:
    """Rows of a layer's input as the scratchpad holds them, with a pointer per row."""
    held, e = sizes.held_activations, chip.encodings
    pointers = 0 if e.activations == "dense" else (end - first) * ceil_div(e.pointer_bits, 8)
    return int(held[n, end, -1, -1] - held[n, first, -1, -1]) + pointers


def cut_costs(
    inputs: Sequence[LayerInput], chip: Accelerator, kept_in: bool, kept_out: bool, objective: Objective
) -> list[CutCost]:
    """Costs of all cuts that some capacity may want: none of them needs more and costs more than another."""
    sizes = chain_sizes(inputs, kept_in, kept_out)
    found = []
    prices = [_prices(one, chip) for one in inputs] if objective in BY_ENERGY else None
    rates = [DATAFLOWS[chip.dataflow].step_cycles(one.prepared, chip) for one in inputs]
    for cut, bands in _cuts(inputs, chip):
        traffic = chain_traffic(inputs, sizes, cut, chip, bands)
        live = int(traffic.live.max())
        if live > chip.scratchpad.capacity_bytes:
            continue
        moved = tuple(dram_bytes(traffic.of_layer(i)) for i in range(len(inputs)))
        work = _predicted(inputs, rates, traffic, chip)
        cycles = layer_cycles(replay_layer(work, chip))
        energy = 0.0 if prices is None else _energy(inputs, prices, work, traffic, cycles, chip)
        found.append(CutCost(cut, live, moved, Cost(sum(moved), cycles, energy)))
    weigh = weigh_of(objective, chip)
    wanted: list[CutCost] = []
    while found:
        wanted.append(min(found, key=lambda cost: (weigh(cost.cost), cost.live_bytes)))
        found = [cost for cost in found if cost.live_bytes < wanted[-1].live_bytes]
    return wanted


def _cuts(inputs: Sequence[LayerInput], chip: Accelerator) -> list[tuple[Cut, Bands]]:
    layers = [one.trace.layer for one in inputs]
    bands = [layers[-1].output_height]
    while bands[-1] > 1:
        bands.append(ceil_div(bands[-1], 2))
    per_layer = []
    for one, layer in zip(inputs, layers, strict=True):
        tiles = {size for size in filter_sizes(layer, chip) if size % one.sizes.filter_block == 0}
        ways = [(layer.filters, True)]
        if smaller := sorted(tiles - {layer.filters}):
            ways.append((smaller[0], False))
            if layer is layers[-1]:  # its output tiles are reserved, those of the others are not
                ways.append((smaller[0], True))
        per_layer.append(ways)
    found = []
    for band, chosen in product(bands, product(*per_layer)):
        tiles_k = [tile_k for tile_k, _ in chosen]
        filters = sum(ceil_div(layer.filters, tile_k) for layer, tile_k in zip(layers, tiles_k, strict=True))
        if filters * ceil_div(layers[-1].output_height, band) * layers[0].batch > MOST_CHAIN_TILES:
            continue
        order = chain_bands(layers, band, tiles_k)
        plans = []
        for layer, boxes, (tile_k, resident) in zip(layers, order.boxes, chosen, strict=True):
            plans.append(
                Plan(
                    tile_n=1,
                    tile_k=tile_k,
                    tile_c=layer.group_channels,
                    tile_p=int((boxes[:, 7] - boxes[:, 6]).max()),
                    tile_q=layer.output_width,
                    order="NPKCQ",
                    resident=frozenset(["weights"] if resident else []),
                )
            )
        refuse = DATAFLOWS[chip.dataflow].plan_refusal
        if all(refuse(plan, layer, chip) is None for plan, layer in zip(plans, layers, strict=True)):
            found.append((Cut(band, tuple(plans)), order))
    return found


def _predicted(
    inputs: Sequence[LayerInput], rates: Sequence[float], traffic: ChainTraffic, chip: Accelerator
) -> Table:
    """WORK of a chain as far as it is predicted: exact traffic, sampled compute."""
    dataflow, work = DATAFLOWS[chip.dataflow], np.zeros(len(traffic.live), WORK)
    for column, name in enumerate(TRAFFIC):
        work[name] = traffic.traffic[:, column]
    for i, (one, step_cycles) in enumerate(zip(inputs, rates, strict=True)):
        work["compute_cycles"][traffic.bands.layer_of == i] = estimated_cycles(
            traffic.bands.boxes[i],
            layer_vector(one.trace.layer, chip),
            dataflow.estimate_vector(chip),
            step_cycles,
        )
    return work


def _prices(given: LayerInput, chip: Accelerator) -> npt.NDArray[np.float64]:
    """The mapper's prices of a layer, from a tile of all channels and columns."""
    layer = given.trace.layer
    tiles = [
        [1, filters, layer.group_channels, rows, layer.output_width]
        for filters, rows in product(filter_sizes(layer, chip), {1, layer.output_height})
    ]
    return prices_of(layer, chip, given.wanted.table, sampled(given.prepared, chip, np.array(tiles)))


def _energy(
    inputs: Sequence[LayerInput],
    prices: Sequence[npt.NDArray[np.float64]],
    work: Table,
    traffic: ChainTraffic,
    cycles: int,
    chip: Accelerator,
) -> float:
    """Predicted pJ of a chain: traffic exactly, the array by samples, leakage over the chain's cycles."""
    found = float(prices[0][_cost_kernel.P_CYCLE]) * cycles
    for i, (one, of_layer) in enumerate(zip(inputs, prices, strict=True)):
        rows = work[traffic.bands.layer_of == i]
        totals = dict.fromkeys(COUNTERS, 0) | {name: int(rows[name].sum()) for name in TRAFFIC}
        counts = action_counts(totals | {"cycles": 0}, chip)
        found += sum(row.pj for row in price(counts, chip, one.wanted.table))
        found += float(of_layer[_cost_kernel.P_ALIKE])
        found += float(of_layer[_cost_kernel.P_COMPUTE]) * int(rows["compute_cycles"].sum())
    return found
