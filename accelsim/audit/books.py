"""The books of a run: what must add up, checked after every layer; a failure shows the two numbers."""

import math
from collections.abc import Mapping

import numpy as np

from accelsim.errors import AuditError
from accelsim.hardware import Accelerator, BankedDram
from accelsim.machine.idle import check_timeline, idle_cycles
from accelsim.machine.inputs import Inputs, drain_bytes, fetch_bytes
from accelsim.mapper.cells import in_dram
from accelsim.network import Layer
from accelsim.results import LayerResult
from accelsim.tables import CAUSES, COUNTERS, DRAINED, FETCHED, TILE_CAUSES, TRAFFIC, Table, column_sums
from accelsim.units import ceil_div


def check_layer(result: LayerResult, chip: Accelerator) -> None:
    """Raise AuditError unless every account of the layer closes (docs/machine.md, glossary)."""
    check_result(result, chip)
    work, layer = result.work, result.layer
    if work is not None and result.timeline is not None and layer is not None:
        stays = bool(result.kept_out_bytes) or result.name in result.fused[:-1]
        check_work(work, result.totals, layer, chip, stays)
        if not result.fused:  # tiles of a chain are checked together: audit.between
            free = chip.with_capacity(chip.scratchpad.capacity_bytes - result.held_bytes)
            check_times(result, free)


def check_result(result: LayerResult, chip: Accelerator) -> None:
    """The accounts of a layer's sums: MACs, lane-cycles, the bill, kept tensors; not those of its tiles."""
    t = result.totals
    if min(t.values()) < 0:
        name, count = min(t.items(), key=lambda item: item[1])
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
    _check_bill(result)
    _check_banks(result, chip)
    if result.work is not None:
        _check_kept(result, chip)


def _check_bill(result: LayerResult) -> None:
    """Each line is its count times a price that a row of a table states, within its bounds.

    A layer's energy is the sum of its lines, so it needs no account of its own.
    """
    for row in result.energy:
        what = f"{result.name}: energy of {row.component}, {row.action}"
        if not row.priced_by or row.count < 0:
            raise AuditError(f"{what}: {row.count} x {row.pj_each} pJ, priced by {row.priced_by or 'no row'}")
        if not math.isclose(row.pj, row.count * row.pj_each, rel_tol=1e-9):
            raise AuditError(f"{what} is {row.pj} pJ, but {row.count} x {row.pj_each} pJ")
        if not row.low_pj <= row.pj * (1 + 1e-9) or not row.pj <= row.high_pj * (1 + 1e-9):
            raise AuditError(f"{what} is {row.pj} pJ, not within {row.low_pj} to {row.high_pj}")


def _check_banks(result: LayerResult, chip: Accelerator) -> None:
    """Every burst of a banked DRAM is one that its row was opened for, or a row hit; rows close once."""
    if not result.banked:
        return
    dram, b, name = chip.dram, result.banked, result.name
    assert isinstance(dram, BankedDram)
    burst = dram.burst_bytes
    reads, writes, opened = b["dram_read_bursts"], b["dram_write_bursts"], b["dram_activations"]
    _equal(name, "bytes of bursts read", reads * burst, "DRAM bytes read", result.dram_read_bytes)
    _equal(name, "bytes of bursts written", writes * burst, "DRAM bytes written", result.dram_write_bytes)
    # With queues before the banks a refresh may close a row before its burst has gone: opened again.
    again = opened + b["dram_row_hits"] - reads - writes
    if again < 0 or (again > 0 and dram.scheduler != "bank_queues"):
        raise AuditError(
            f"{name}: activations + row hits = {opened + b['dram_row_hits']}, but bursts = {reads + writes}"
        )
    banks = dram.channels * dram.timing.pseudo_channels * dram.ranks * dram.timing.banks
    left = opened - b["dram_precharges"]
    if not 0 <= left <= banks:
        raise AuditError(f"{name}: {left} rows are open at the layer's end, but there are {banks} banks")
    lines = {row.unit: row.count for row in result.energy if row.component == "dram"}
    if "activation" in lines:
        _equal(name, "activations in the bill", lines["activation"], "dram_activations", opened)


def check_work(work: Table, totals: Mapping[str, int], layer: Layer, chip: Accelerator, stays: bool) -> None:
    """The accounts of a layer's tiles, whenever they run.

    Parameters
    ----------
    totals : sums of WORK's columns
    stays : whether outputs stay in the scratchpad
    """
    name, lanes = layer.name, chip.pe_array.multipliers
    in_tiles = np.sum([work[f"{cause}_lane_cycles"] for cause in TILE_CAUSES], axis=0)
    in_all = lanes * work["compute_cycles"]
    t = int(np.argmax(in_tiles != in_all))  # the first that differs, else any
    _equal(
        f"{name}, tile {t}", "lane-cycles by cause", int(in_tiles[t]), "lanes x PEs x cycles", int(in_all[t])
    )
    sums = column_sums(work)
    for column in (*COUNTERS, *TRAFFIC):
        if sums[column] != totals[column]:
            _equal(name, f"sum of {column} over tiles", sums[column], "total", totals[column])
    read, written = (sum(totals[column] for column in of) for of in (FETCHED, DRAINED))
    _equal(name, "DRAM bytes read", read, "bytes fetched", int(fetch_bytes(work).sum()))
    _equal(name, "DRAM bytes written", written, "bytes drained", int(drain_bytes(work).sum()))
    e = chip.encodings
    for part, held, same in (
        ("weight_fetch", "weight_fill", e.dram_weights == "same" and e.dram_weight_bits is None),
        ("activation_fetch", "activation_fill", e.dram_activations == "same"),
        ("output_drain", "output_write", e.dram_outputs == "same" and not stays),
    ):
        if same:
            moved, kept = (sums[f"{column}_bytes"] for column in (part, held))
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
    spilled, again = sums["partial_sum_drain_bytes"], sums["partial_sum_fetch_bytes"]
    _equal(name, "partial sums spilled", spilled, "fetched again", again)


def check_times(result: LayerResult, free: Accelerator, tiles: Inputs | None = None) -> None:
    """When the tiles of a layer that ran alone do what, waits between them, and the scratchpad's balance.

    Parameters
    ----------
    free : the chip with what kept tensors leave of its scratchpad
    tiles : `machine.inputs` of the layer's WORK, where they are known
    """
    work, timeline, name, lanes = result.work, result.timeline, result.name, free.pe_array.multipliers
    assert work is not None
    assert timeline is not None
    try:
        check_timeline(work, timeline, free, tiles)
    except AuditError as error:
        raise AuditError(f"{name}: {error}") from error
    waits = idle_cycles(timeline)
    for cause in CAUSES:
        counted = result.totals.get(f"{cause}_lane_cycles", 0) + lanes * waits.get(cause, 0)
        if result.lane_cycles[cause] != counted:
            _equal(
                name, f"{cause} lane-cycles", result.lane_cycles[cause], "of tiles and between them", counted
            )
    freed = result.totals["release_after_compute_bytes"] + result.totals["release_after_drain_bytes"]
    _equal(name, "scratchpad bytes reserved", result.totals["reserve_bytes"], "bytes freed", freed)


def _check_kept(result: LayerResult, chip: Accelerator) -> None:
    """What is in the scratchpad is not fetched, what stays is not drained."""
    t = result.totals
    if result.kept_in_bytes:
        for name in ("activation_fetch_bytes", "activation_fill_bytes"):
            _equal(result.name, f"{name} of a kept input", t[name], "bytes to fetch", 0)
    if result.kept_out_bytes:
        _equal(result.name, "bytes drained of kept outputs", t["output_drain_bytes"], "expected", 0)
        layer, plan, e = result.layer, result.plan, chip.encodings
        assert layer is not None
        assert plan is not None
        # Tiles that cut a mask byte, and rows that end within a byte, write it twice.
        whole = plan.tile_k >= layer.filters or plan.tile_k % 8 == 0
        if whole and chip.pe_array.activation_bits % 8 == 0:
            n, p, _, _ = layer.output_shape
            pointers = 0 if e.outputs == "dense" else n * p * ceil_div(e.pointer_bits, 8)
            written = t["output_write_bytes"] + pointers
            if not result.outputs_drawn:
                _equal(result.name, "output_write_bytes", written, "kept_out_bytes", result.kept_out_bytes)


def _equal(where: str, what: str, found: int, expected_what: str, expected: int) -> None:
    if found != expected:
        raise AuditError(f"{where}: {what} = {found}, but {expected_what} = {expected}")
