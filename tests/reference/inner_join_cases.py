"""Chips and runs that the tests of the inner_join reference share."""

from typing import Any

import numpy as np

from accelsim.hardware import Accelerator
from accelsim.plan import Tile, Unrolling
from accelsim.reference.inner_join import tile_counts
from accelsim.tables import TILE_CAUSES
from accelsim.trace import LayerTrace, from_arrays

# Wide enough never to limit: a test narrows what it is about.
PE_ARRAY: dict[str, Any] = {
    "rows": 1,
    "columns": 1,
    "lanes": 1,
    "weight_policy": "skip",
    "activation_policy": "skip",
    "chunk_elements": 8,
    "queue_depth": 2,
    "queue_latency_cycles": 1,
    "pipeline_cycles": 0,
    "lane_assignment": "pooled",
    "lane_sync": "step",
    "broadcast_domain": "array",
    "array_feed_bytes_per_cycle": 1000,
    "weight_bits": 8,
    "activation_bits": 8,
    "accumulator_bits": 32,
}


def chip(
    *,
    weights: str = "bitmask",
    activations: str = "bitmask",
    drain_elements_per_cycle: int = 1000,
    word_bytes: int = 4,
    **pe_array: Any,
) -> Accelerator:
    return Accelerator.model_validate(
        {
            "schema_version": 1,
            "name": "hand",
            "dataflow": "inner_join",
            "clock_mhz": 1000.0,
            "pe_array": PE_ARRAY | pe_array,
            "encodings": {
                "weights": weights,
                "activations": activations,
                "outputs": "bitmask",
                "pointer_bits": 32,
            },
            "scratchpad": {"capacity_bytes": 65536, "word_bytes": word_bytes},
            "postprocessor": {
                "drain_elements_per_cycle": drain_elements_per_cycle,
                "elements_per_cycle": 16,
            },
            "dram": {
                "model": "bandwidth",
                "peak_gb_per_s": 16.0,
                "efficiency_fraction": 1.0,
                "latency_ns": 100.0,
                "burst_bytes": 64,
            },
            "energy": {"table": "45nm", "dram": "lpddr4"},
        }
    )


def whole_tile(trace: LayerTrace) -> Tile:
    n, p, q, k = trace.layer.output_shape
    return Tile(0, n, 0, k, 0, trace.layer.group_channels, 0, p, 0, q)


def masks(*works: int) -> list[int]:
    """A row of 8-channel chunks with that many ones at the start of each."""
    return [int(i < work) for work in works for i in range(8)]


def run(
    machine: Accelerator,
    weights: Any,
    activations: Any,
    spatial: Unrolling | None = None,
    **geometry: Any,
) -> dict[str, int]:
    """Counts of the one tile that is the whole layer; arrays, or lists that become int8."""
    arrays = [x if isinstance(x, np.ndarray) else np.array(x, np.int8) for x in (weights, activations)]
    trace = from_arrays(*arrays, **geometry)
    return tile_counts(trace, whole_tile(trace), machine, spatial)


def causes(counts: dict[str, int]) -> dict[str, int]:
    """The lane-cycles that are not zero, by cause."""
    named = {cause: counts[f"{cause}_lane_cycles"] for cause in TILE_CAUSES}
    return {cause: lane_cycles for cause, lane_cycles in named.items() if lane_cycles}
