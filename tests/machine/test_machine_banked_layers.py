"""Layers on a banked DRAM: the tiles' addresses decide times; bytes and books are those of any DRAM."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import accelsim
from accelsim.audit.books import check_layer
from accelsim.bill import EnergyRow
from accelsim.energy import action_counts, load_table, price
from accelsim.energy.actions import BANKED as PRICED
from accelsim.energy.rows import COLUMNS
from accelsim.errors import AuditError, InputError
from accelsim.hardware import Accelerator, load_device, load_hardware, to_yaml
from accelsim.machine import run_layer
from accelsim.machine.dram import BankedChannel
from accelsim.mapper.addresses import plan_requests
from accelsim.mapper.encoded import encoded_sizes
from accelsim.plan import tile_boxes
from accelsim.results import LayerResult
from accelsim.tables import BANKED, COUNTERS, TRAFFIC
from accelsim.trace import LayerTrace, from_arrays


def banked(tmp_path: Path, *overrides: str) -> Accelerator:
    lines = to_yaml(load_hardware("both-skip-16x16")).splitlines()
    first, last = lines.index("dram:"), lines.index("dma:")
    path = tmp_path / "chip.yaml"
    own = ["  model: banked", "  device: ddr4-2400", "  channels: 1"]
    path.write_text("\n".join([*lines[:first], "dram:", *own, "", *lines[last:]]))
    return load_hardware(path, ["scratchpad.capacity_bytes=16384", *overrides])


@pytest.fixture(scope="module")
def trace() -> LayerTrace:
    generator = np.random.default_rng(3)
    return from_arrays(
        (generator.integers(-5, 6, (64, 3, 3, 64)) * (generator.random((64, 3, 3, 64)) < 0.5)).astype(
            np.int8
        ),
        (generator.integers(1, 9, (1, 20, 20, 64)) * (generator.random((1, 20, 20, 64)) < 0.5)).astype(
            np.uint8
        ),
        padding=1,
    )


def only(trace: LayerTrace, chip: Accelerator) -> LayerResult:
    return accelsim.simulate(trace, chip, threads=1).layer_results[0]


def test_the_channel_moves_exactly_the_bytes_that_the_layer_counts(trace: LayerTrace, tmp_path: Path) -> None:
    chip, outputs = banked(tmp_path), np.zeros(trace.layer.output_shape, np.uint8)
    known = only(replace(trace, outputs=outputs), chip)
    assert known.work is not None
    assert known.plan is not None
    assert known.timeline is not None
    channel, sizes = BankedChannel(chip), encoded_sizes(trace, chip, outputs != 0)
    requests = plan_requests(known.plan, tile_boxes(known.plan, trace.layer), trace.layer, chip, sizes)
    timeline = run_layer(known.work, chip, requests, channel)
    assert timeline.tolist() == known.timeline.tolist()
    counts = channel.counts()
    assert counts["reads"] * 64 == known.dram_read_bytes
    assert counts["writes"] * 64 == known.dram_write_bytes


def test_chunks_that_wait_for_each_other_move_the_same_bytes_later(trace: LayerTrace, tmp_path: Path) -> None:
    whole, keys = only(trace, banked(tmp_path)), ("dma.chunk_bytes=256", "dma.outstanding_chunks=1")
    assert whole.plan is not None
    plans = {trace.layer.name: whole.plan}
    (cut,) = accelsim.simulate(trace, banked(tmp_path, *keys), plans=plans).layer_results
    assert cut.plan == whole.plan
    assert (cut.dram_read_bytes, cut.dram_write_bytes) == (whole.dram_read_bytes, whole.dram_write_bytes)
    assert cut.lane_cycles["fetch_wait"] > whole.lane_cycles["fetch_wait"]


def bill(result: LayerResult) -> dict[tuple[str, str, str], EnergyRow]:
    return {(row.component, row.action, row.unit): row for row in result.energy}


def test_a_layer_pays_for_the_rows_that_it_opened(trace: LayerTrace, tmp_path: Path) -> None:
    """LPDDR4's 1060 pJ a row: the count, no estimate with its bounds; refreshes as many as fell due."""
    chip = banked(tmp_path, "dram.address_mapping=bank_high")
    result = only(trace, chip)
    lines, counted = bill(result), result.banked
    assert lines["dram", "activate", "activation"].count == counted["dram_activations"] > 0
    assert lines["dram", "activate", "activation"].pj == pytest.approx(1060 * counted["dram_activations"])
    assert ("dram", "activate", "row") not in lines
    due = result.cycles * 1000 / chip.clock_mhz / float(9363 * load_device("ddr4-2400").clock_ns)
    assert counted["dram_refreshes"] == lines["dram", "refresh", "refresh"].count == round(due) > 0
    bursts = counted["dram_read_bursts"] + counted["dram_write_bursts"]
    assert counted["dram_activations"] + counted["dram_row_hits"] == bursts
    row = result.row(chip, 0.0, 1.0, 1.0)
    assert row["dram_row_hit_fraction"] == counted["dram_row_hits"] / bursts
    assert {name: row[name] for name in BANKED} == counted


def test_a_price_of_rows_changes_that_energy_alone(trace: LayerTrace, tmp_path: Path) -> None:
    before = only(trace, banked(tmp_path))
    (row,) = load_table("45nm").find("lpddr4_3200", "activate", "activation")
    cells = [
        "lpddr4_3200",
        "activate",
        "activation",
        "2048",
        "",
        "",
        "",
        "1500",
        "1500",
        "1500",
        "",
        "",
        "me",
        "",
    ]
    prices = tmp_path / "mine.csv"
    prices.write_text(",".join(COLUMNS) + "\n" + ",".join(cells) + "\n")
    after = only(trace, banked(tmp_path, f"energy.overlay={prices}"))
    old, new, opened = bill(before), bill(after), before.banked["dram_activations"]
    key = ("dram", "activate", "activation")
    assert new.pop(key).pj - old.pop(key).pj == pytest.approx(opened * (1500 - row.pj))
    assert {name: line.pj for name, line in new.items()} == {name: line.pj for name, line in old.items()}


def test_rows_opened_anew_cost_more_than_rows_read_through(trace: LayerTrace, tmp_path: Path) -> None:
    """64 KiB in order and drawn at random: the same bits, 8 rows of 8 KiB against nearly one a burst."""
    chip, opened, energy = banked(tmp_path), [], []
    drawn = np.random.default_rng(0).integers(0, 1 << 22, 1024) * 64
    for starts in (np.arange(1024) * 64, drawn):
        channel = BankedChannel(chip)
        end = channel.transfer(0, False, starts, np.full(1024, 64))[2]
        counts = channel.layer_counts(end)
        opened.append(counts["dram_activations"])
        totals = dict.fromkeys((*COUNTERS, *TRAFFIC), 0) | {"weight_fetch_bytes": 65536, "cycles": end}
        totals |= {name: counts[name] for name in PRICED}
        lines = price(action_counts(totals, chip), chip, load_table("45nm"))
        energy.append({line.action: line.pj for line in lines if line.component == "dram"})
    assert opened[0] == 8
    assert opened[1] > 900
    assert energy[1]["activate"] / energy[0]["activate"] == pytest.approx(opened[1] / opened[0])
    assert energy[1]["read"] == energy[0]["read"]


@pytest.mark.parametrize(
    ("name", "by", "message"),
    [
        ("dram_read_bursts", 1, "bytes of bursts read"),
        ("dram_write_bursts", -1, "bytes of bursts written"),
        ("dram_row_hits", 1, "activations \\+ row hits"),
        ("dram_precharges", 10_000, "rows are open at the layer's end"),
        ("dram_precharges", -10_000, "rows are open at the layer's end"),
    ],
)
def test_an_altered_count_of_the_banks_is_found(
    name: str, by: int, message: str, trace: LayerTrace, tmp_path: Path
) -> None:
    chip = banked(tmp_path)
    result = only(trace, chip)
    check_layer(result, chip)
    with pytest.raises(AuditError, match=message):
        check_layer(replace(result, banked=result.banked | {name: result.banked[name] + by}), chip)
    swapped = result.banked | {"dram_activations": result.banked["dram_activations"] + 1}
    swapped["dram_row_hits"] -= 1
    with pytest.raises(AuditError, match="activations in the bill"):
        check_layer(replace(result, banked=swapped), chip)


@pytest.mark.parametrize("scheduler", ["frfcfs", "frfcfs_row_hit", "bank_queues"])
def test_books_close_under_every_scheduler(scheduler: str, trace: LayerTrace, tmp_path: Path) -> None:
    for mapping in ("bank_group_low", "bank_high"):
        result = only(
            trace, banked(tmp_path, f"dram.scheduler={scheduler}", f"dram.address_mapping={mapping}")
        )
        assert result.banked["dram_activations"] > 0


def test_operands_in_any_order_are_the_same_bursts_in_that_order(trace: LayerTrace, tmp_path: Path) -> None:
    whole = only(trace, banked(tmp_path))
    found = set()
    for order in ("weights activations partial_sums", "activations partial_sums weights"):
        apart = only(trace, banked(tmp_path, f"dma.operand_order={order}"))
        assert apart.plan == whole.plan
        assert apart.totals == whole.totals
        assert apart.timeline is not None
        found.add(apart.timeline["compute_end_cycle"].tobytes())
    assert len(found) == 2


@pytest.mark.parametrize(
    ("order", "region"), [("weights activations partial_sums", 1), ("activations weights partial_sums", 3)]
)
def test_the_first_read_is_of_the_first_operand(
    order: str, region: int, trace: LayerTrace, tmp_path: Path
) -> None:
    chip, outputs = (
        banked(tmp_path, f"dma.operand_order={order}"),
        np.zeros(trace.layer.output_shape, np.uint8),
    )
    known = only(replace(trace, outputs=outputs), chip)
    assert known.work is not None
    assert known.plan is not None
    channel, sizes = BankedChannel(chip, record=True), encoded_sizes(trace, chip, outputs != 0)
    requests = plan_requests(known.plan, tile_boxes(known.plan, trace.layer), trace.layer, chip, sizes)
    run_layer(known.work, chip, requests, channel)
    asked, _, address, _ = channel.requests()
    assert address[np.argmin(asked)] == requests.bases[region]


def test_an_address_mapping_that_gathers_banks_is_slower(trace: LayerTrace, tmp_path: Path) -> None:
    spread = only(trace, banked(tmp_path))
    gathered = only(trace, banked(tmp_path, "dram.address_mapping=bank_high"))
    assert gathered.lane_cycles["fetch_wait"] > spread.lane_cycles["fetch_wait"]


def test_without_runs_a_banked_dram_is_refused(trace: LayerTrace, tmp_path: Path) -> None:
    chip = banked(tmp_path)
    result = only(trace, chip)
    assert result.work is not None
    with pytest.raises(AuditError, match=r"dram\.model: the runs of the tiles are not given"):
        run_layer(result.work, chip)


def test_fused_layers_have_no_addresses(trace: LayerTrace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="between_layers: must be dram or keep, not fuse, on both-skip"):
        accelsim.simulate(trace, banked(tmp_path), between_layers="fuse")
    regions = [
        "scratchpad.weight_bytes=4096",
        "scratchpad.activation_bytes=4096",
        "scratchpad.output_bytes=8192",
    ]
    with pytest.raises(InputError, match="between_layers: must be dram, not keep: the scratchpad"):
        accelsim.simulate(trace, banked(tmp_path, *regions), between_layers="keep")


def test_the_mapper_keeps_operands_within_their_regions(trace: LayerTrace, tmp_path: Path) -> None:
    regions = [
        "scratchpad.weight_bytes=8192",
        "scratchpad.activation_bytes=4096",
        "scratchpad.output_bytes=4096",
    ]
    split, shared = only(trace, banked(tmp_path, *regions)), only(trace, banked(tmp_path))
    assert split.work is not None
    assert split.work["weight_fill_bytes"].max() <= 8192
    assert split.work["activation_fill_bytes"].max() <= 4096
    assert split.plan != shared.plan
