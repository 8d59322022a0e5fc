"""The law of reuse: what another chip left never changes a result, whichever key the two differ in.

Every key of a chip is tried, with values of `test_hardware_reaches_results`, which holds each of them to change
some result: so a kind that forgot one would be found here; a kind that reads one it has not fails at once.
"""

import re
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
from accelsim.dataflows import unsupported_layers
from accelsim.errors import AccelsimError
from accelsim.hardware import Accelerator, BankedDram, load_hardware, presets
from accelsim.hardware.arrays import Part
from accelsim.network import LayerNode, Network, Operation, TensorInfo
from accelsim.plots import tables_of
from accelsim.reuse import OFF, Off, Reuse, Shelf
from accelsim.study.study_file import parse_study
from accelsim.trace import LayerParameters, NetworkTrace, from_arrays

BASE = [
    "pe_array.rows=4",
    "pe_array.columns=4",
    "pe_array.chunk_elements=16",
    "scratchpad.capacity_bytes=6000",
]
REGIONS = "scratchpad.weight_bytes=2000 scratchpad.activation_bytes=2500 scratchpad.output_bytes=1500"
BLOCKS = "scratchpad.weight_bytes=3000 scratchpad.activation_bytes=1800 scratchpad.output_bytes=1200"
IN_TURN = "dma.operand_order=weights activations partial_sums"
CHANGES = [
    "", "clock_mhz=500", "pe_array.rows=8", "pe_array.columns=8", "pe_array.lanes=4",
    "pe_array.weight_policy=gate", "pe_array.activation_policy=gate", "pe_array.chunk_elements=32",
    "pe_array.queue_depth=1", "pe_array.queue_latency_cycles=5", "pe_array.pipeline_cycles=9",
    "pe_array.lane_assignment=fixed", "pe_array.lane_assignment=fixed pe_array.lane_sync=set",
    "pe_array.broadcast_domain=column", "pe_array.unrolling=flexible", "pe_array.array_feed_bytes_per_cycle=32",
    "pe_array.weight_bits=16", "pe_array.activation_bits=16", "pe_array.accumulator_bits=24",
    "pe_array.weight_policy=gate encodings.weights=dense", "encodings.outputs=dense",
    "pe_array.activation_policy=gate encodings.activations=dense", "encodings.pointer_bits=64",
    "encodings.dram_weights=huffman_run_length5", "encodings.dram_activations=run_length4",
    "encodings.dram_outputs=run_length4", "encodings.dram_weight_bits=4",
    "encodings.dram_weight_bits=4 encodings.dram_weight_codebook=true", "scratchpad.capacity_bytes=40000",
    "scratchpad.word_bytes=8", "scratchpad.banks=1", "scratchpad.banks=1 scratchpad.ports=separate", REGIONS,
    f"scratchpad.banks=10 {BLOCKS}", f"scratchpad.banks=10 scratchpad.layout=blocked {BLOCKS}",
    "postprocessor.drain_elements_per_cycle=1", "postprocessor.elements_per_cycle=1", "dram.peak_gb_per_s=3.2",
    "dram.efficiency_fraction=0.3", "dram.latency_ns=900", "dram.burst_bytes=256", "dma.descriptor_cycles=20",
    f"{IN_TURN} dma.descriptor_cycles=20", IN_TURN, "dma.chunk_bytes=64 dma.outstanding_chunks=1",
    "dma.chunk_bytes=64", "banked", f"banked {IN_TURN}", "banked clock_mhz=500",
    "dram.peak_gb_per_s=3.2 dma.arbitration=fetches_first", "energy.sram=sram_hp", "energy.dram=ddr3",
    "energy.macro_bytes=1024", "energy.node_nm=22", "energy.table=22nm",
]  # fmt: skip
# Names, which stand in no figure, and choices of which the base has but one.
ALONE = {"schema_version", "name", "description", "dataflow", "pe_array.dataflow", "energy.overlay"}


def chip_of(change: str) -> Accelerator:
    """The base with other keys: `key=value key=value`, a first word `banked` of its DRAM."""
    banked, overrides = change.startswith("banked"), change.removeprefix("banked").strip()
    chip = load_hardware(
        "both-skip-16x16", [*BASE, *re.split(r" (?=\w+[.=])", overrides)] if overrides else BASE
    )
    if not banked:
        return chip
    return chip.model_copy(update={"dram": BankedDram(model="banked", device="ddr4-2400", channels=1)})


@cache
def trace(zeros: int = 0) -> NetworkTrace:
    generator = np.random.default_rng(4)

    def drawn(shape: tuple[int, ...], low: int, high: int) -> Any:
        return generator.integers(low, high, shape) * (generator.random(shape) < 0.6)

    layer = from_arrays(
        drawn((20, 3, 3, 40), -5, 6).astype(np.int8),
        drawn((1, 9, 9, 40), 1, 9).astype(np.uint8),
        padding=1,
        activation_zero_point=zeros,
    )
    shape = layer.layer.output_shape
    infos = [
        TensorInfo(name=name, shape=s, dtype="uint8", scale=1.0, zero_point=zeros if name == "x" else 0)
        for name, s in (("x", layer.layer.activation_shape), ("y", shape), ("z", shape))
    ]
    y = generator.integers(0, 3, shape).astype(np.uint8)
    network = Network(
        name="net",
        tensors={info.name: info for info in infos},
        nodes=(
            LayerNode(layer=layer.layer, input="x", output="y"),
            Operation(name="add", kind="add", inputs=("y", "y"), output="z"),
        ),
        inputs=("x",),
        outputs=("z",),
    )
    parameters = LayerParameters(
        weights=layer.weights,
        weight_zero_points=np.array(layer.weight_zero_points),
        weight_scales=np.array(layer.weight_scales),
    )
    return NetworkTrace(network, {"layer": parameters}, {"x": layer.activations, "y": y, "z": y})


def outcome(change: str, reuse: Off, zeros: int = 0, **options: Any) -> list[Any]:
    """All tables of a run, or its error."""
    chip = chip_of(change)
    try:
        tables = tables_of(
            accelsim.simulate(trace(zeros), chip, toggles="sampled", reuse=reuse, threads=1, **options)
        )
    except AccelsimError as error:
        return [str(error)]
    frames = [tables.layers, tables.energy, tables.tiles]
    return [tables.summary, *(frame.to_csv() for frame in frames)]


@cache
def without(change: str, zeros: int, objective: Any, between: str) -> list[Any]:
    return outcome(change, OFF, zeros, objective=objective, between_layers=between)


def test_every_key_of_a_chip_is_tried():
    def values(part: Any, prefix: str = "") -> dict[str, Any]:
        found = {}
        for name, value in part:
            found |= values(value, f"{prefix}{name}.") if isinstance(value, Part) else {prefix + name: value}
        return found

    base = values(chip_of(""))
    changed = {
        key for change in CHANGES for key, value in values(chip_of(change)).items() if value != base.get(key)
    }
    assert set(base) - changed == ALONE


@settings(max_examples=40)
@given(
    st.sampled_from(CHANGES),
    st.sampled_from(CHANGES),
    st.sampled_from(["cycles", "dram", "energy", "edp"]),
    st.sampled_from(["dram", "keep"]),
    st.sampled_from([0, 1]),
)
def test_what_another_chip_left_changes_nothing(before, after, objective, between, zeros):
    reuse = Reuse()
    options = {"objective": objective, "between_layers": between}
    outcome(before, reuse, 0, **options)
    assert str(outcome(after, reuse, zeros, **options)) == str(without(after, zeros, objective, between))


@pytest.mark.parametrize("change", CHANGES[1:])
def test_what_the_base_left_changes_nothing_of_a_chip_with_another_key(change):
    reuse = Reuse()
    outcome("", reuse)
    assert str(outcome(change, reuse)) == str(without(change, 0, "cycles", "dram"))


def test_a_bandwidth_axis_counts_once_and_a_clock_prepares_once():
    reuse = Reuse()
    for rate in (3.2, 6.4, 12.8):
        outcome(f"dram.peak_gb_per_s={rate}", reuse)
    for kind in ("prepared tensors", "encoded sizes", "mapper's tilings", "checked outputs"):
        assert reuse.counts[kind]["made"] == 1, kind
    # Of a plan that only differs in the order of its tiles neither.
    assert reuse.counts["toggles"]["made"] <= reuse.counts["counts of tiles"]["made"]
    assert reuse.counts["plan"]["made"] == 3  # its cycles depend on the rate: priced again


def connected_layer():
    generator = np.random.default_rng(3)
    weights = (generator.integers(-3, 4, (16, 24)) * (generator.random((16, 24)) < 0.4)).astype(np.int8)
    return from_arrays(weights, generator.integers(0, 3, (1, 24)).astype(np.uint8), name="fc")


@pytest.mark.parametrize("name", [n for n in presets() if n != "tpu-v1"])
def test_every_shipped_chip_runs_with_what_its_kinds_get(name):
    """A kind that reads a key which it does not name raises here."""
    reuse, chip, work = Reuse(), load_hardware(name), trace()
    if unsupported_layers(work, chip):  # a machine of fully connected layers alone
        work = connected_layer()
    tables = [tables_of(accelsim.simulate(work, chip, reuse=one, threads=1)) for one in (OFF, reuse, reuse)]
    for other in tables[1:]:
        assert str(other.summary) == str(tables[0].summary)
        pd.testing.assert_frame_equal(other.layers, tables[0].layers)
        pd.testing.assert_frame_equal(other.tiles, tables[0].tiles)


@pytest.mark.parametrize(("objective", "change"), [("cycles", ""), ("energy", ""), ("cycles", "banked")])
def test_what_is_found_on_disk_is_what_was_made(objective, change, tmp_path, monkeypatch):
    monkeypatch.setattr("accelsim.reuse.cache._WORTH_A_FILE_S", 0.0)
    for _ in range(2):
        reuse = Reuse(Shelf(tmp_path, 10**8))
        assert str(outcome(change, reuse, objective=objective)) == str(without(change, 0, objective, "dram"))
    found = {kind: counts["disk"] for kind, counts in reuse.counts.items() if counts["disk"]}
    plan = "plan" if objective == "cycles" else "plan by energy"
    times = {"banked DRAM's times"} if change == "banked" else set()
    made = {"encoded sizes", plan, "counts of tiles", "checked outputs", "non-zeros", "toggles"}
    made.add("operations' bytes")
    assert set(found) == made | times


def test_a_study_says_whether_points_share(tmp_path):
    text = "name: s\nbase: both-skip-16x16\nworkloads: [x]\n"
    assert parse_study(text, "s.yaml").reuse
    assert not parse_study(text + "reuse: false\n", "s.yaml").reuse
