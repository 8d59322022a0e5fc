"""The networks trained here: what is shipped answers right, computes what was captured, and its table is true."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim import zoo
from accelsim.audit.agreement import compare_with_captured
from accelsim.audit.chain import network_outputs
from accelsim.compress.share import share_weights
from accelsim.dataflows import unsupported_layers
from accelsim.hardware import load_hardware, presets
from accelsim.simulation import simulate
from accelsim.zoo.digits import STAGES
from accelsim.zoo.digits_training import NETWORKS, digits_split, int8_sizes

ROOT = Path(__file__).resolve().parents[2]
NAMES = zoo.digits_networks()
CHIPS = ("dense-16x16", "activation-skip-16x16", "both-skip-16x16")


def answers(name: str) -> tuple[list[int], list[int]]:
    """What the trace's last tensor says of its digits, and what they are."""
    trace = zoo.digits_trace(name)
    outputs = network_outputs(trace)[trace.network.outputs[0]].reshape(trace.inputs_count, -1)
    labels = [int(label) for label in trace.network.provenance["labels"].split()]
    return outputs.argmax(axis=1).tolist(), labels


def test_both_networks_are_shipped() -> None:
    assert set(NAMES) == set(NETWORKS) == {"digits-mlp", "digits-cnn"}
    told = "import accelsim.zoo, sys; print('jax' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", told], text=True).strip() == "False"


@pytest.mark.parametrize("name", NAMES)
def test_the_datapath_computes_every_tensor_that_was_captured(name: str) -> None:
    trace = zoo.digits_trace(name)
    assert [row for row in compare_with_captured(trace) if row.largest_difference] == []
    computed = network_outputs(trace)
    for tensor, values in trace.tensors.items():
        np.testing.assert_array_equal(computed[tensor], values, err_msg=tensor)


@pytest.mark.parametrize("name", NAMES)
def test_the_shipped_digits_are_read_as_well_as_the_table_says_of_all(name: str) -> None:
    given, labels = answers(name)
    right = sum(a == b for a, b in zip(given, labels, strict=True))
    # 97.5 % of 360 are right: two wrong of eight would be a trace that does not fit its table.
    assert len(labels) == 8
    assert right >= 7


@pytest.mark.parametrize("name", NAMES)
def test_the_images_are_those_the_provenance_names(name: str) -> None:
    trace = zoo.digits_trace(name)
    split = digits_split(name)
    places = [int(place) for place in trace.network.provenance["inputs"].split(": ")[1].split()]
    assert places == split.order[:8].tolist()
    info = trace.network.tensors[trace.network.inputs[0]]
    stored = trace.tensors[info.name].astype(np.float64)
    real = (stored - info.zero_point) * info.scale
    given = split.test.inputs[:8]
    shown = given.transpose(0, 2, 3, 1) if given.ndim == 4 else given[:, None, None]
    assert np.abs(real - shown).max() <= info.scale / 2 + 1e-6


def test_no_image_is_in_two_parts_of_the_split() -> None:
    order = digits_split("digits-cnn").order
    assert sorted(order.tolist()) == list(range(1797))


@pytest.mark.parametrize("name", NAMES)
def test_sizes_of_the_last_stage_are_those_of_the_shipped_weights(name: str) -> None:
    last, sizes = zoo.digits_stages(name)[-1], int8_sizes(zoo.digits_trace(name))
    assert last.density_fraction == pytest.approx(sizes.kept / sizes.weights, abs=1e-6)
    assert (last.weights, last.dense_bytes, last.bitmask_bytes, last.huffman_bytes, last.side_bytes) == (
        sizes.weights,
        sizes.dense_bytes,
        sizes.bitmask_bytes,
        sizes.huffman_bytes,
        sizes.side_bytes,
    )


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_the_table_fit_each_other(name: str) -> None:
    stages = {stage.stage: stage for stage in zoo.digits_stages(name)}
    assert tuple(stages) == STAGES
    for stage in stages.values():
        encodings = [stage.dense_bytes, stage.bitmask_bytes, stage.huffman_bytes]
        assert stage.total_bytes == stage.side_bytes + min(s for s in encodings if s is not None)
        assert stage.bits_per_weight == pytest.approx(8 * stage.total_bytes / stage.weights, abs=1e-6)
        ratio = stages["dense"].total_bytes / stage.total_bytes
        assert stage.compression_ratio == pytest.approx(ratio, abs=1e-6)
        for part, count in (("test", stage.test_images), ("validation", stage.validation_images)):
            right = getattr(stage, f"{part}_accuracy_fraction") * count
            assert right == pytest.approx(round(right), abs=count * 1e-6)
    # The stages do what they are for: pruning alone ruins the network, retraining mends it.
    assert stages["pruned"].test_accuracy_fraction < stages["retrained"].test_accuracy_fraction
    assert stages["pruned"].density_fraction == stages["retrained"].density_fraction
    sizes = [stages[stage].total_bytes for stage in ("dense", "retrained", "shared")]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_chip_that_fetches_no_zero_weights_is_more_than_twice_as_fast(name: str) -> None:
    # Bound by DRAM: skipping zero activations alone spares no weight's fetch.
    trace = zoo.digits_trace(name)
    dense, activation_skip, both_skip = (simulate(trace, chip, toggles="off").cycles for chip in CHIPS)
    assert 2 * both_skip < min(dense, activation_skip)


@pytest.mark.parametrize("chip", presets())
def test_every_shipped_chip_runs_a_real_network_and_its_books_close(chip: str) -> None:
    name = "digits-mlp" if load_hardware(chip).dataflow == "column_broadcast" else "digits-cnn"
    trace = zoo.digits_trace(name)
    if name == "digits-mlp":
        trace = share_weights(trace, 4)  # its codebook has 16 values
    left_out = unsupported_layers(trace, load_hardware(chip))
    result = simulate(trace, chip, left_out=left_out, toggles="off")
    assert len(result.layer_results) == trace.inputs_count * (len(trace.network.nodes) - len(left_out))
    assert any(r.layer is not None for r in result.layer_results)
    done = sum(r.totals["effectual_macs"] for r in result.layer_results)
    # What is effectual is the tensors' business, not the machine's.
    expected = simulate(trace, "dense-16x16", left_out=left_out, toggles="off")
    assert done == sum(r.totals["effectual_macs"] for r in expected.layer_results)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def test_the_page_states_the_table() -> None:
    text = (ROOT / "docs" / "digits.md").read_text()
    rows = [cells(line) for line in text.splitlines() if re.match(r"\| digits-", line)]
    expected: list[list[Any]] = [
        [
            stage.network,
            stage.stage,
            f"{100 * stage.test_accuracy_fraction:.1f}",
            f"{100 * stage.validation_accuracy_fraction:.1f}",
            f"{100 * stage.density_fraction:.1f}",
            f"{stage.weight_bits}",
            f"{stage.total_bytes:,}",
            f"{stage.compression_ratio:.1f}",
        ]
        for name in NAMES
        for stage in zoo.digits_stages(name)
    ]
    assert rows == expected
