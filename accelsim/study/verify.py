"""The fast kernel against the cycle-stepping reference, on the user's own chip and tensors.

Crops of real tiles (the first, the last, the costliest, and seeded ones, of every layer in turn) until
most of the budget is used, then small layers drawn with a seeded generator. Every counter must agree.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from accelsim.dataflows import DATAFLOWS, unsupported_layers
from accelsim.hardware import Accelerator
from accelsim.mapper.cells import cell_filters
from accelsim.mapper.encoded import encoded_sizes
from accelsim.mapper.search import best_plan
from accelsim.network import Layer
from accelsim.plan import Tile, Unrolling, box_array, tile_boxes, tile_of, whole
from accelsim.reference import REFERENCES
from accelsim.tables import COUNTERS
from accelsim.trace import LayerTrace, NetworkTrace, from_arrays
from accelsim.units import ceil_div

_CROP_MACS = 120_000  # less than a second of a reference
_DRAWN_SHARE = 0.1
_CONNECTED_SHARE = 0.2


@dataclass
class VerifyReport:
    """What was compared; `differences` lists every counter that differs, with both numbers."""

    chip: str
    seed: int
    tiles: int = 0
    macs: int = 0
    layers: set[str] = field(default_factory=set)
    layers_total: int = 0
    macs_total: int = 0
    drawn: int = 0
    seconds: float = 0.0
    differences: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"layers": len(self.layers), "counters": len(COUNTERS)}

    def text(self) -> str:
        """For people."""
        covered = f"{self.macs / self.macs_total:.2%} of the MACs" if self.macs_total else "no trace"
        verdict = (
            f"all {len(COUNTERS)} counters equal" if not self.differences else "\n".join(self.differences)
        )
        return (
            f"{self.chip}: {self.tiles} tiles of {len(self.layers)} of {self.layers_total} layers "
            f"({covered}) and {self.drawn} drawn layers in {self.seconds:.0f} s, seed {self.seed}: {verdict}"
        )


def verify(
    trace: NetworkTrace | None,
    chip: Accelerator,
    seconds: float = 60,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> VerifyReport:
    """Compare kernel and reference until the budget is used; at least one tile and one drawn layer.

    Parameters
    ----------
    trace : a network, or None for drawn layers only
    seconds : budget of wall time
    seed : of random tiles and drawn layers
    """
    report = VerifyReport(chip.name, seed)
    began = time.monotonic()
    generator = np.random.default_rng(seed)
    if trace is not None:
        report.layers_total = len(trace.layers)
        layers = [name for name in trace.layers if name not in unsupported_layers(trace, chip)]
        report.macs_total = sum(trace.layer(name).layer.dense_macs for name in layers)
        for layer, tile, spatial in _crops(trace, layers, chip, generator):
            _compare(layer, tile, spatial, chip, report)
            report.tiles += 1
            report.layers.add(layer.layer.name)
            if progress is not None:
                progress(layer.layer.name)
            if time.monotonic() - began > seconds * (1 - _DRAWN_SHARE):
                break
    while report.drawn == 0 or time.monotonic() - began < seconds:
        layer = _drawn(generator, report.drawn)
        while DATAFLOWS[chip.dataflow].refusal(layer, chip) is not None:
            layer = _drawn(generator, report.drawn)
        choices = DATAFLOWS[chip.dataflow].unrollings(layer.layer, chip)
        spatial = choices[report.drawn % len(choices)]
        _compare(layer, _first_tile(layer.layer, chip), spatial, chip, report)
        report.drawn += 1
        if progress is not None:
            progress(f"drawn layer {report.drawn}")
    report.seconds = time.monotonic() - began
    return report


def _first_tile(layer: Layer, chip: Accelerator) -> Tile:
    """The whole layer, or the first of its tiles of so few channels, then rows, that it can be mapped."""
    plan, chunk = whole(layer), chip.pe_array.chunk_elements
    while DATAFLOWS[chip.dataflow].plan_refusal(plan, layer, chip) is not None:
        if plan.tile_c > chunk:
            filters = min(plan.tile_k, layer.group_filters)  # channels are cut within a group
            half = ceil_div(ceil_div(plan.tile_c, 2), chunk) * chunk
            plan = replace(plan, tile_c=half, tile_k=filters)
        else:
            plan = replace(plan, tile_p=plan.tile_p // 2)
    return tile_of(tile_boxes(plan, layer)[0])


def _compare(
    layer: LayerTrace, tile: Tile, spatial: Unrolling | None, chip: Accelerator, report: VerifyReport
) -> None:
    dataflow = DATAFLOWS[chip.dataflow]
    prepared = dataflow.prepare(layer, chip)
    counted = dataflow.tile_counters(prepared, box_array(tile)[None], chip, spatial=spatial)[0].tolist()
    reference = REFERENCES[chip.dataflow]
    choice = () if spatial is None else (spatial,)  # only machines with a choice take one
    expected = reference.tile_counts(layer, tile, chip, *choice)
    held = "" if spatial is None else f" {spatial}"
    for name, ours in zip(COUNTERS, counted, strict=True):
        if ours != expected[name]:
            report.differences.append(
                f"{layer.layer.name} {tile}{held}: {name} is {ours} in the kernel, "
                f"{expected[name]} in the reference"
            )
    report.macs += expected["dense_macs"] if not layer.layer.name.startswith("drawn") else 0


def _crops(
    trace: NetworkTrace, layers: list[str], chip: Accelerator, generator: np.random.Generator
) -> Iterator[tuple[LayerTrace, Tile, Unrolling | None]]:
    """Crops layer by layer: of the first, the last, the costliest tile, then of random ones for ever."""
    plans: dict[str, Any] = {}
    turn = 0
    while layers:
        for name in layers:
            layer = trace.layer(name)
            if name not in plans:
                prepared = DATAFLOWS[chip.dataflow].prepare(layer, chip)
                nonzero = np.ones(layer.layer.output_shape, np.bool_)
                plan = best_plan(prepared, encoded_sizes(layer, chip, nonzero), chip).plan
                boxes = tile_boxes(plan, layer.layer)
                counters = DATAFLOWS[chip.dataflow].tile_counters(prepared, boxes, chip, spatial=plan.spatial)
                plans[name] = boxes, int(np.argmax(counters[:, 0])), plan.spatial
            boxes, costliest, spatial = plans[name]
            chosen = [0, len(boxes) - 1, costliest][turn] if turn < 3 else int(generator.integers(len(boxes)))
            yield layer, _crop(layer, boxes[chosen], spatial, chip, generator), spatial
        turn += 1


def _crop(
    layer: LayerTrace,
    box: Any,
    spatial: Unrolling | None,
    chip: Accelerator,
    generator: np.random.Generator,
) -> Tile:
    """A seeded part of a tile, small enough for the reference."""
    array, shape = chip.pe_array, layer.layer
    held = spatial or Unrolling(array.rows, array.columns)
    taps = shape.kernel[0] * shape.kernel[1]
    edges = {name: int(value) for name, value in zip(Tile.__slots__, box, strict=True)}
    cell = cell_filters(chip.encodings.weights, chip)  # filters that are encoded as one
    most = _CROP_MACS // (taps * max(cell, 16))
    channels = min(edges["c1"] - edges["c0"], max(array.chunk_elements, most))
    if channels < edges["c1"] - edges["c0"]:
        channels -= channels % array.chunk_elements
        start = int(generator.integers((edges["c1"] - edges["c0"]) // channels)) * channels
        edges["c0"], edges["c1"] = edges["c0"] + start, edges["c0"] + start + channels
    filters = min(edges["k1"] - edges["k0"], 2 * held.filters, max(1, _CROP_MACS // (channels * taps * 4)))
    if cell > 1:
        edges["k0"] += cell * int(generator.integers(ceil_div(edges["k1"] - edges["k0"], cell)))
        edges["k1"] = min(edges["k1"], edges["k0"] + cell)
        filters = edges["k1"] - edges["k0"]
    positions = max(1, min(2 * held.positions, _CROP_MACS // (channels * taps * filters)))
    _part(edges, "k", filters, generator)
    _part(edges, "n", 1, generator)
    width = min(edges["q1"] - edges["q0"], positions)
    _part(edges, "q", width, generator)
    _part(edges, "p", max(1, positions // width), generator)
    return Tile(**edges)


def _part(edges: dict[str, int], loop: str, size: int, generator: np.random.Generator) -> None:
    low, high = edges[f"{loop}0"], edges[f"{loop}1"]
    size = min(size, high - low)
    start = low + int(generator.integers(high - low - size + 1))
    edges[f"{loop}0"], edges[f"{loop}1"] = start, start + size


def _drawn(generator: np.random.Generator, index: int) -> LayerTrace:
    """A small layer: kind, shapes, stride, padding, groups, zero points and densities drawn."""
    if generator.random() < _CONNECTED_SHARE:
        return _drawn_matrix(generator, index)
    groups = int(generator.choice([1, 1, 1, 2]))
    channels = int(generator.choice([1, 3, 16, 64, 70, 130]))
    filters = groups * int(generator.integers(1, 20))
    kernel = int(generator.choice([1, 3]))
    side = kernel + int(generator.integers(0, 6))
    zero = int(generator.integers(0, 4))
    weights = generator.integers(-90, 90, (filters, kernel, kernel, channels))
    weights[generator.random(weights.shape) > generator.choice([0.1, 0.3, 1.0])] = 0
    activations = generator.integers(0, 90, (1, side, side, channels * groups))
    activations[generator.random(activations.shape) > generator.choice([0.2, 0.45, 1.0])] = zero
    return from_arrays(
        weights.astype(np.int8),
        activations.astype(np.uint8),
        name=f"drawn{index}",
        stride=int(generator.integers(1, 3)),
        padding=int(generator.integers(0, kernel // 2 + 1)),
        groups=groups,
        activation_zero_point=zero,
    )


def _drawn_matrix(generator: np.random.Generator, index: int) -> LayerTrace:
    """A small fully connected layer of few different weights, and one to three vectors."""
    filters, channels = int(generator.integers(1, 200)), int(generator.choice([1, 16, 70, 130]))
    weights = generator.integers(-4, 5, (filters, channels))
    weights[generator.random(weights.shape) > generator.choice([0.05, 0.3, 1.0])] = 0
    activations = generator.integers(0, 90, (int(generator.integers(1, 4)), channels))
    activations[generator.random(activations.shape) > generator.choice([0.2, 0.45, 1.0])] = 0
    return from_arrays(weights.astype(np.int8), activations.astype(np.uint8), name=f"drawn{index}")
