"""Eyeriss on AlexNet: latency, active PEs, DRAM and buffer traffic beside Table V.

::

    layer = published shape, four images, independent zeros at Table V's share, no weight zero
    plan  = Table III's n, m, e and q x r (workloads/plans/eyeriss-168-alexnet.csv); p, q, r, t follow
    zeros of outputs: those of the next layer's activations

Chen, Krishna, Emer and Sze, IEEE JSSC 52(1), 2017, Tables III and V.
"""

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.dataflows._row_mapping import mapping_of_box
from accelsim.hardware import Accelerator, load_hardware
from accelsim.hardware.arrays import RowStationaryArray, of_kind
from accelsim.network import Layer
from accelsim.plan import Plan, tile_boxes
from accelsim.plan_file import whole_plans
from accelsim.results import LayerResult
from accelsim.simulation import simulate
from accelsim.study.published.entry import Band, Entry, Tables
from accelsim.trace import LayerTrace
from accelsim.units import ceil_div, milliseconds
from accelsim.zoo import workloads_folder
from accelsim.zoo.synthetic import synthetic_layer

if TYPE_CHECKING:
    import pandas as pd

_CHIP, _BATCH, _MB = "eyeriss-168", 4, 1e6
_WORTH_CODING = 0.01  # share of zeros
_BUFFER_READS = ("activation_scratchpad_read_bytes", "partial_sum_read_bytes", "output_write_bytes")
_BUFFER_WRITES = ("activation_fill_bytes", "partial_sum_write_bytes", "output_write_bytes")
NOTES = (
    "Latency: delivery of weights before each pass and of sums after it is counted; what else the chip waits "
    "for (configuration, network) is not. CONV4 and CONV5 run the same passes, 3 to 2 of them, and the "
    "published latencies are 3.2 to 2: no model of a pass meets both.",
    "CONV3's published buffer traffic is not that of its published mapping: 64 steps over the channels move "
    "each sum 64 times (ours). With CONV4's q = 3, r = 2, t = 2, that is 43 steps, ours is the published "
    "figure (table `mappings`), as CONV2's, CONV4's and CONV5's are with their own mapping.",
    "Buffer traffic: activations, partial sums and outputs; weights pass through 8 KB of their own.",
    "DRAM: CONV1's activations are an image without zeros and are left uncoded; zeros are independent, and "
    "those of a layer's outputs are taken to be those of the next layer's activations, after pooling.",
)


@cache
def published_layers() -> "pd.DataFrame":
    """The published rows."""
    import pandas as pd

    return pd.read_csv(workloads_folder() / "published" / "eyeriss_layers.csv")


def layer_of(row: dict[Any, Any], batch: int) -> Layer:
    """A published layer."""
    return Layer(
        name=row["layer"],
        batch=batch,
        input_height=row["height"],
        input_width=row["height"],
        channels=row["channels"],
        filters=row["filters"],
        kernel=(row["kernel"], row["kernel"]),
        stride=(row["stride"], row["stride"]),
        padding=(row["padding"],) * 4,
        groups=row["groups"],
    )


def layer_traces(seed: int, batch: int = _BATCH) -> list[LayerTrace]:
    """The layers with seeded tensors of the published shares of zeros."""
    rows = published_layers().to_dict("records")
    zeros = [row["zero_activations_percent"] / 100 for row in rows]
    traces: list[LayerTrace] = []
    for row, here, after in zip(rows, zeros, [*zeros[1:], zeros[-1]], strict=True):
        trace = synthetic_layer(layer_of(row, batch), 1.0, 1 - here, seed, correlated=False)
        kept = np.random.default_rng([seed, len(traces)]).random(trace.layer.output_shape) >= after
        traces.append(replace(trace, outputs=kept.astype(np.uint8)))
    return traces


def plans() -> dict[str, Plan]:
    """The plans of Table III."""
    return whole_plans(workloads_folder() / "plans" / "eyeriss-168-alexnet.csv")


def cycles_of_windows(layer: Layer, plan: Plan, chip: Accelerator) -> int:
    """Cycles of all windows of all passes, before any delivery."""
    array, cycles = of_kind(chip.pe_array, RowStationaryArray), 0
    for box in tile_boxes(plan, layer):
        found = mapping_of_box(layer, box, array)
        n, m, _, _, f = (int(size) for size in np.diff(box)[::2])
        for first in range(0, m, found.p * found.t):
            cycles += n * f * min(found.p, m - first) * found.q * layer.kernel[1]
    return cycles


def fold_cycles(row: dict[Any, Any], batch: int = _BATCH) -> int:
    """The fold formula of Table III's mapping: passes x n p q S F."""
    channels = row["channels"] // row["groups"]
    passes = (
        ceil_div(batch, row["n"])
        * ceil_div(row["outputs"], row["e"])
        * ceil_div(channels, row["q"] * row["r"])
        * ceil_div(row["filters"], row["p"] * row["t"])
    )
    return int(passes * row["n"] * row["p"] * row["q"] * row["kernel"] * row["outputs"])


def tables(seed: int) -> Tables:
    """Latency and traffic by layer, and both in all.

    `latency`: the fold formula and the machine's windows in cycles, then milliseconds of these, of the array
    and published; `traffic`: MB (10^6 bytes) of DRAM and of the buffer, ours and published; `mappings`: the
    same of CONV3 with two mappings.
    """
    import pandas as pd

    rows, fixed = published_layers().to_dict("records"), plans()
    traces = dict(zip(fixed, layer_traces(seed), strict=True))
    latency, traffic = [], []
    for row in rows:
        layer = run_layer(traces[row["layer"]], fixed[row["layer"]])
        latency.append(_latency(row, layer))
        traffic.append(_traffic(row, layer))
    traffic.append(_sum("all", traffic))
    mappings = _mappings(rows[2], traces["conv3"], fixed["conv3"])
    return {
        "latency": pd.DataFrame(latency),
        "traffic": pd.DataFrame(traffic),
        "mappings": pd.DataFrame(mappings),
    }


def run_layer(trace: LayerTrace, plan: Plan) -> LayerResult:
    """A layer's images as one batch; activations without zeros are left uncoded."""
    coded = (trace.activations == 0).mean() >= _WORTH_CODING
    chip = load_hardware(_CHIP, [] if coded else ["encodings.dram_activations=dense"])
    plans = {trace.layer.name: plan}
    return simulate(trace, chip, plans=plans, together=True, toggles="off", threads=1).layer_results[0]


def _mappings(row: dict[Any, Any], trace: LayerTrace, plan: Plan) -> list[dict[str, Any]]:
    """CONV3 as Table III maps it, and with as many channels at once as CONV4."""
    array = of_kind(load_hardware(_CHIP).pe_array, RowStationaryArray)
    found = []
    for channels in (plan.tile_c, 6):
        plan = replace(plan, tile_c=channels)
        box = tile_boxes(plan, trace.layer)[0]
        mapping, layer = mapping_of_box(trace.layer, box, array), run_layer(trace, plan)
        told = f"{row['layer']}, p {mapping.p}, q {mapping.q}, r {mapping.r}, t {mapping.t}"
        found.append({"mapping": told} | {k: v for k, v in _traffic(row, layer).items() if k != "layer"})
    return found


def _latency(row: dict[Any, Any], layer: LayerResult) -> dict[str, Any]:
    assert layer.work is not None
    assert layer.layer is not None
    assert layer.plan is not None
    chip = load_hardware(_CHIP)
    windows = cycles_of_windows(layer.layer, layer.plan, chip)
    pipeline = chip.pe_array.pipeline_cycles
    unmapped = layer.work["unmapped_lane_cycles"] // (layer.work["compute_cycles"] - pipeline)
    fold = fold_cycles(row)
    ours = milliseconds(layer.totals["compute_cycles"], chip.clock_mhz)
    return {
        "layer": row["layer"],
        "published_active_pes": row["active_pes"],
        "active_pes": chip.pe_array.multipliers - int(unmapped.min()),
        "fold_cycles": fold,
        "window_cycles": windows,
        "window_to_fold_percent": 100 * (windows / fold - 1),
        "fold_ms": milliseconds(fold, chip.clock_mhz),
        "array_ms": ours,
        "published_ms": row["processing_ms"],
        "difference_percent": 100 * (ours / row["processing_ms"] - 1),
        "array_to_fold_percent": 100 * (layer.totals["compute_cycles"] / fold - 1),
        "with_dram_ms": milliseconds(layer.cycles, chip.clock_mhz),
        "published_with_dram_ms": row["total_ms"],
        "active_pes_difference": chip.pe_array.multipliers - int(unmapped.min()) - row["active_pes"],
    }


def _traffic(row: dict[Any, Any], layer: LayerResult) -> dict[str, Any]:
    moved = layer.dram_read_bytes + layer.dram_write_bytes
    buffer = sum(layer.totals[name] for name in (*_BUFFER_READS, *_BUFFER_WRITES))
    return _with_differences(
        {
            "layer": row["layer"],
            "published_dram_mb": row["dram_mb"],
            "dram_mb": moved / _MB,
            "published_buffer_mb": row["buffer_mb"],
            "buffer_mb": buffer / _MB,
        }
    )


def _sum(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    columns = ("published_dram_mb", "dram_mb", "published_buffer_mb", "buffer_mb")
    return _with_differences({"layer": name} | {c: sum(row[c] for row in rows) for c in columns})


def _with_differences(row: dict[str, Any]) -> dict[str, Any]:
    return row | {
        f"{what}_difference_percent": 100 * (row[f"{what}_mb"] / row[f"published_{what}_mb"] - 1)
        for what in ("dram", "buffer")
    }


ENTRY = Entry(
    title="AlexNet's convolutions on Eyeriss: latency, active PEs, DRAM and buffer traffic",
    source="Chen, Krishna, Emer and Sze, Eyeriss, IEEE JSSC 52(1), 2017, Tables III and V",
    tables=tables,
    notes=NOTES,
    bands=(
        Band("latency", "window_to_fold_percent", 0, 0),
        Band("latency", "array_to_fold_percent", 0, float("inf")),
        Band("latency", "difference_percent", float("-inf"), 5),
        Band("latency", "active_pes_difference", 0, 0),
        Band("traffic", "dram_difference_percent", -25, 25),
        Band("traffic", "buffer_difference_percent", -25, 25),
    ),
)
