"""The books of a run: what must add up, checked after every layer; a failure shows the two numbers."""

import math

import numpy as np

from accelsim.errors import AuditError
from accelsim.hardware import Accelerator
from accelsim.machine.idle import check_timeline, idle_cycles
from accelsim.machine.inputs import drain_bytes, fetch_bytes
from accelsim.mapper.cells import in_dram
from accelsim.results import LayerResult
from accelsim.tables import CAUSES, COUNTERS, TILE_CAUSES, TRAFFIC


def check_layer(result: LayerResult, chip: Accelerator) -> None:
    """Raise AuditError unless every account of the layer closes (docs/machine.md, glossary)."""
    t = result.totals
    for name, count in t.items():
        if count < 0:
            raise AuditError(f"{result.name}: {name} is {count}, less than 0")
    _equal(
        result.name,
        "done + gated + skipped MACs",
        t["done_macs"] + t["gated_macs"] + t["skipped_macs"],
        "dense MACs",
        0 if result.layer is None else result.layer.dense_macs,
    )
    _equal(
        result.name,
        "lane-cycles by cause",
        sum(result.lane_cycles[cause] for cause in CAUSES),
        "lanes x PEs x cycles",
        chip.pe_array.multipliers * result.cycles,
    )
    total = math.fsum(row.pj for row in result.energy)
    rows = math.fsum(row.count * row.pj_each for row in result.energy)
    if not math.isclose(total, rows, rel_tol=1e-9, abs_tol=1e-9):
        raise AuditError(f"{result.name}: energy rows add up to {rows} pJ, the total is {total} pJ")
    if result.work is not None and result.timeline is not None and result.layer is not None:
        _check_tiles(result, chip)


def _check_tiles(result: LayerResult, chip: Accelerator) -> None:
    work, timeline, layer = result.work, result.timeline, result.layer
    assert work is not None
    assert timeline is not None
    assert layer is not None
    name = result.name
    try:
        check_timeline(work, timeline, chip)
    except AuditError as error:
        raise AuditError(f"{name}: {error}") from error
    in_tiles = np.sum([work[f"{cause}_lane_cycles"] for cause in TILE_CAUSES], axis=0)
    lanes = chip.pe_array.multipliers
    for t, (found, cycles) in enumerate(zip(in_tiles.tolist(), work["compute_cycles"].tolist(), strict=True)):
        _equal(f"{name}, tile {t}", "lane-cycles by cause", found, "lanes x PEs x cycles", lanes * cycles)
    for column in (*COUNTERS, *TRAFFIC):
        _equal(name, f"sum of {column} over tiles", int(work[column].sum()), "total", result.totals[column])
    waits = idle_cycles(timeline)
    for cause in CAUSES:
        counted = result.totals.get(f"{cause}_lane_cycles", 0) + lanes * waits.get(cause, 0)
        _equal(name, f"{cause} lane-cycles", result.lane_cycles[cause], "of tiles and between them", counted)
    _equal(
        name,
        "scratchpad bytes reserved",
        int(work["reserve_bytes"].sum()),
        "bytes freed",
        int((work["release_after_compute_bytes"] + work["release_after_drain_bytes"]).sum()),
    )
    _equal(name, "DRAM bytes read", result.dram_read_bytes, "bytes fetched", int(fetch_bytes(work).sum()))
    _equal(name, "DRAM bytes written", result.dram_write_bytes, "bytes drained", int(drain_bytes(work).sum()))
    e = chip.encodings
    for part, held, same in (
        ("weight_fetch", "weight_fill", e.dram_weights == "same" and e.dram_weight_bits is None),
        ("activation_fetch", "activation_fill", e.dram_activations == "same"),
        ("output_drain", "output_write", e.dram_outputs == "same"),
    ):
        if same:
            moved, kept = (int(work[f"{column}_bytes"].sum()) for column in (part, held))
            # The decoder keeps its tables; the scratchpad never sees them.
            tables = in_dram(layer, chip).table_bytes if part == "weight_fetch" else 0
            _equal(name, f"{part}_bytes of one encoding", moved - tables, f"{held}_bytes", kept)
    volume = np.prod([work[f"{loop}1"] - work[f"{loop}0"] for loop in "nkcpq"], axis=0)
    _equal(
        name,
        "MACs of all tiles' boxes",
        int(volume.sum()) * layer.kernel[0] * layer.kernel[1],
        "dense MACs",
        layer.dense_macs,
    )
    spilled = int(work["partial_sum_drain_bytes"].sum())
    _equal(name, "partial sums spilled", spilled, "fetched again", int(work["partial_sum_fetch_bytes"].sum()))


def _equal(where: str, what: str, found: int, expected_what: str, expected: int) -> None:
    if found != expected:
        raise AuditError(f"{where}: {what} = {found}, but {expected_what} = {expected}")
