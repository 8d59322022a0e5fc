"""What runs of a layer share, and the keys of the chip that each of it gets (docs/studies.md, "Reuse")."""

import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.dataflows import DATAFLOWS, Prepared
from accelsim.energy.table import EnergyTable
from accelsim.hardware import Accelerator
from accelsim.mapper.contenders import Price
from accelsim.mapper.encoded import EncodedSizes, encoded_sizes
from accelsim.mapper.problem import Problem, problem_of
from accelsim.mapper.search import Problems, best_fitting
from accelsim.plan import Fixed, Objective, Plan, Unrolling
from accelsim.reuse import Kind
from accelsim.toggle_sample import layer_toggles
from accelsim.toggles import ToggleCounts
from accelsim.trace import LayerTrace

Ints = npt.NDArray[np.int64]
_STORED = ("pe_array.chunk_elements", "pe_array.weight_bits", "pe_array.activation_bits", "encodings")
# Of what a tensor takes in DRAM and in the scratchpad.
SIZE_KEYS = ("encodings", "pe_array")
FEWER_SIZE_KEYS = dict.fromkeys(("inner_join", "systolic", "cartesian", "csc_row_stationary"), _STORED)
_ARRAY = ("dataflow", "pe_array", "encodings", "postprocessor", "scratchpad.word_bytes")
_SPACE = ("dataflow", "pe_array", "encodings", "postprocessor", "scratchpad", "dram.burst_bytes")


def nonzero_outputs(trace: LayerTrace, seed: int) -> tuple[npt.NDArray[np.bool_], bool]:
    """Mask of the non-zero outputs, and whether it is drawn at the density of the layer's input."""
    if trace.outputs is not None:
        return trace.outputs != trace.output_zero_point, False
    density = float((trace.activations != trace.activation_zero_point).mean())
    generator = np.random.default_rng([seed, zlib.crc32(trace.layer.name.encode())])
    return generator.random(trace.layer.output_shape) < density, True


def with_kept(sizes: EncodedSizes, activations: bool, outputs: bool) -> EncodedSizes:
    """The sizes of a layer whose input, or whose outputs, stay in the scratchpad."""
    return replace(sizes, kept_activations=activations, kept_outputs=outputs)


def _prepared(trace: LayerTrace, chip: Accelerator) -> Any:
    return DATAFLOWS[chip.dataflow].prepare(trace, chip)


def _nonzeros(prepared: Prepared, chip: Accelerator) -> tuple[int, int]:
    return int(prepared.nonzero_weights), int(prepared.nonzero_activations)


def _sizes(trace: LayerTrace, tile_k: int | None, seed: int, chip: Accelerator) -> EncodedSizes:
    return encoded_sizes(trace, chip, nonzero_outputs(trace, seed)[0], tile_k)


def _problem(
    prepared: Prepared,
    sizes: EncodedSizes,
    kept: tuple[bool, bool],
    fixed: Fixed,
    most_tiles: int,
    spatial: Unrolling | None,
    chip: Accelerator,
) -> Problem:
    return problem_of(prepared, with_kept(sizes, *kept), fixed, most_tiles, spatial, True, chip)


def _price(
    prepared: Prepared,
    sizes: EncodedSizes,
    kept: tuple[bool, bool],
    fixed: Fixed,
    objective: Objective,
    priced: tuple[EnergyTable, int] | None,
    problems: Problems | None,
    chip: Accelerator,
) -> Price | None:
    """`priced`: for energy, its table, and the bytes of the scratchpad whose prices hold."""
    table, whole_bytes = priced or (None, chip.scratchpad.capacity_bytes)
    return best_fitting(
        prepared,
        with_kept(sizes, *kept),
        chip,
        problems,
        objective=objective,
        fixed=fixed,
        table=table,
        priced_as=chip.with_capacity(whole_bytes),
    )


def _counters(prepared: Prepared, boxes: Ints, spatial: Unrolling | None, chip: Accelerator) -> Any:
    return DATAFLOWS[chip.dataflow].tile_counters(prepared, boxes, chip, spatial=spatial)


def _toggles(
    trace: LayerTrace,
    boxes: Ints,
    spatial: Unrolling | None,
    exact: bool,
    seed: tuple[int, ...],
    chip: Accelerator,
) -> ToggleCounts:
    return layer_toggles(trace, boxes, chip, spatial, exact=exact, seed=seed)


_PRICED = (Price, Plan, Unrolling)
PREPARED = Kind(
    "prepared tensors",
    _prepared,
    ("dataflow", "pe_array"),
    {"inner_join": ("dataflow", "pe_array.chunk_elements"), "systolic": ("dataflow",)},
    on_disk=False,
)
NONZEROS = Kind("non-zeros", _nonzeros, ())
SIZES = Kind(
    "encoded sizes",
    _sizes,
    SIZE_KEYS,
    FEWER_SIZE_KEYS,
    types=(EncodedSizes,),
)
# Of a layer's tiles before they are timed: which runs they have a DMA's parts and a DRAM with banks ask for.
COUNTED_KEYS = (*_SPACE, "dma", "dram.model")
# A search's memory grows, and is worth more than the search: it is never written.
PROBLEM = Kind("mapper's tilings", _problem, _SPACE, on_disk=False)
# Its tilings are made of what it gets (PROBLEM has fewer keys), and beside its key.
# For cycles or bytes the mapper asks for no price; for energy any key may have one. The plan that is found is
# timed by the whole machine, with the DMA's choices.
PLAN = Kind("plan", _price, (*_SPACE, "dram", "clock_mhz", "dma"), types=_PRICED)
PRICED_PLAN = Kind("plan by energy", _price, tuple(Accelerator.model_fields), types=_PRICED)
TILE_COUNTS = Kind("counts of tiles", _counters, _ARRAY)
TOGGLES = Kind("toggles", _toggles, _ARRAY, types=(ToggleCounts,))
