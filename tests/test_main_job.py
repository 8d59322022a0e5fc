"""The main job, whole: a real network and a real photograph on the shipped chips."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from accelsim import zoo
from accelsim.audit.agreement import compare_with_captured
from accelsim.audit.chain import network_outputs
from accelsim.frontend.quantise import onnxruntime_is_exact
from accelsim.study.main_job import BASELINE, CHIPS, NETWORK, MainJob, main_job
from accelsim.tables import CAUSES
from accelsim.trace import NetworkTrace, read, replace_parameters

pytestmark = pytest.mark.network
FILES = ("summary.json", "layers.csv", "energy.csv", "actions.csv", "tiles.csv", "timeline.json")


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> MainJob:
    return main_job(tmp_path_factory.mktemp("results"))


def test_the_network_is_the_one_of_the_recipe(job: MainJob) -> None:
    trace = read(job.trace_path)
    layers = [trace.layer(name).layer for name in trace.layers]
    assert len(layers) == 73
    # The sum over the file's own convolutions, operator by operator.
    assert sum(layer.dense_macs for layer in layers) == 429_859_360
    assert sum(layer.groups > 1 for layer in layers) == 28
    pruned = [name for name in trace.layers if np.mean(trace.layer(name).weights != 0) < 0.26]
    assert len(pruned) == 38  # as many as the file keeps sparse


def test_the_datapath_computes_what_onnxruntime_computed(job: MainJob) -> None:
    assert len(job.agreement) == 93
    if onnxruntime_is_exact():
        assert {row.node: row.largest_difference for row in job.agreement if row.largest_difference} == {}
    assert f"{len(job.agreement)} nodes" in job.agreement_text()


def test_an_altered_output_is_seen(job: MainJob) -> None:
    trace = read(job.trace_path)
    one = trace.layers[0]
    node = next(n for n in trace.network.nodes if getattr(n, "layer", None) and n.layer.name == one)
    altered = trace.tensors[node.output].copy()
    altered.flat[5] ^= 1
    changed = NetworkTrace(trace.network, dict(trace.parameters), {**trace.tensors, node.output: altered})
    row = next(row for row in compare_with_captured(changed) if row.node == one)
    assert row.largest_difference >= 1
    assert row.equal_fraction < 1


def test_both_licences_and_their_sources_are_shown(job: MainJob) -> None:
    text = job.licence_text()
    for word in (
        "Apache-2.0",
        "The MediaPipe Authors",
        "https://github.com/google-ai-edge/mediapipe",
        "NASA",
        "pose_detection_cpu.pbtxt",
    ):
        assert word in text
    assert "Apache License" in zoo.fetch(NETWORK)["licence"].read_text()


def test_the_detector_finds_the_astronaut_in_float_and_on_the_simulated_hardware(job: MainJob) -> None:
    assert job.float_answers == pytest.approx([0.818], abs=0.002)
    # 8 bits, calibrated on other photographs, take a logit of 1.5 to one of 0.4: still found.
    assert job.answers[0] == pytest.approx(0.597, abs=0.05)
    assert f"simulated hardware {job.answers[0]:.3f}" in job.answer_text()


def test_the_answer_is_computed_by_the_datapath_from_the_photograph_alone(job: MainJob) -> None:
    trace = read(job.trace_path)
    computed = network_outputs(trace)
    assert zoo.answers_of(trace, computed) == job.answers
    if onnxruntime_is_exact():
        for name in trace.network.outputs:
            np.testing.assert_array_equal(computed[name], trace.tensors[name])
    one = trace.layers[5]
    weights = {one: replace(trace.parameters[one], weights=np.zeros_like(trace.parameters[one].weights))}
    blind = network_outputs(replace_parameters(trace, weights))
    assert zoo.answers_of(trace, blind) != job.answers


def test_three_chips_ran(job: MainJob) -> None:
    assert [result.chip.name for result in job.results] == list(CHIPS)
    assert all(len(result.layer_results) == 93 for result in job.results)


def test_pruned_layers_gain_most_where_both_zeros_are_skipped(job: MainJob) -> None:
    rows = {(row["kind"], row["chip"]): row for row in job.document()["kinds"]}
    dense, activation, both = (rows["1x1", chip]["effective_tops"] for chip in CHIPS)
    assert dense < activation < both
    assert both > rows["1x1", CHIPS[2]]["peak_tops"]  # more than the multipliers could without zeros
    assert sum(rows[kind, CHIPS[0]]["cycles"] for kind in ("1x1", "3x3", "depthwise", "postprocessor")) == (
        job.results[0].cycles
    )


def test_every_zero_that_a_chip_can_skip_helps_and_none_helps_more_than_all(job: MainJob) -> None:
    document = job.document()
    dense, activation, both = document["chips"]
    assert dense["baseline"] == BASELINE
    assert dense["speedup"] == 1
    assert 1 < activation["speedup"] < both["speedup"] < both["speedup_limit"]
    json.dumps(document)


def test_every_layer_was_compared_with_numpy(job: MainJob) -> None:
    for result in job.results:
        array = [r for r in result.layer_results if r.layer is not None]
        assert all(r.outputs_checked for r in array)
        assert not any(r.outputs_drawn for r in array)


def test_the_folder_holds_the_figures_of_the_table(job: MainJob) -> None:
    for result in job.results:
        folder = job.folder / result.network / result.chip.name
        summary = json.loads((folder / "summary.json").read_text())
        layers = pd.read_csv(folder / "layers.csv")
        energy = pd.read_csv(folder / "energy.csv")
        assert summary["summary"]["cycles_mean"] == layers["cycles"].sum() == result.cycles
        assert energy["pj"].sum() == pytest.approx(summary["summary"]["energy_uj_mean"] * 1e6, rel=1e-9)
        assert (energy["count"] * energy["pj_each"]).sum() == pytest.approx(energy["pj"].sum(), rel=1e-9)
        lanes = result.chip.pe_array.multipliers * layers["cycles"]
        assert (layers[[f"{cause}_lane_cycles" for cause in CAUSES]].sum(axis=1) == lanes).all()
        for key in (
            "accelsim",
            "numpy",
            "numba",
            "hardware_hash",
            "trace_hash",
            "energy_table_sha256",
            "code licence",
        ):
            assert summary["provenance"][key]


def test_every_file_is_there_and_every_picture_parses(job: MainJob) -> None:
    network = job.folder / NETWORK
    for result in job.results:
        for name in FILES:
            assert (network / result.chip.name / name).stat().st_size > 0
        for name in ("cycles", "energy", "roofline", "timeline"):
            picture = network / result.chip.name / "plots" / name
            ET.parse(picture.with_suffix(".svg"))
            assert len(pd.read_csv(picture.with_suffix(".csv")))
    ET.parse(network / "compare.svg")
    assert (job.folder / "agreement.csv").is_file()


def test_the_trace_is_compressed_and_has_one_hash(job: MainJob) -> None:
    trace = read(job.trace_path)
    dense = sum(t.nbytes for t in trace.tensors.values()) + sum(
        p.weights.nbytes for p in trace.parameters.values()
    )
    assert job.trace_path.stat().st_size < dense
    hashes = {r.provenance["trace_hash"] for r in job.results}
    assert hashes == {trace.content_hash}


def test_the_pictures_folder_is_a_users_own(job: MainJob) -> None:
    assert {path.name for path in Path(job.folder).iterdir()} == {
        "agreement.csv", "pose-detection", "pose-detection.safetensors",
    }  # fmt: skip
