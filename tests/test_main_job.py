"""The main job, whole: a real network and a real photograph on the shipped chips."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pandas as pd
import pytest

from accelsim import zoo
from accelsim.audit.agreement import compare_with_captured
from accelsim.frontend.quantise import onnxruntime_is_exact
from accelsim.study.main_job import BASELINE, CHIPS, MainJob, main_job
from accelsim.tables import CAUSES
from accelsim.trace import NetworkTrace, read

pytestmark = pytest.mark.network
FILES = ("summary.json", "layers.csv", "energy.csv", "actions.csv", "tiles.csv", "timeline.json")


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> MainJob:
    return main_job(tmp_path_factory.mktemp("results"))


def test_the_network_is_the_one_of_the_recipe(job: MainJob) -> None:
    trace = read(job.trace_path)
    layers = [trace.layer(name).layer for name in trace.layers]
    assert len(layers) == 54
    assert sum(layer.dense_macs for layer in layers) == 1_068_550_144
    assert sum(layer.kind == "fully_connected" for layer in layers) == 1


def test_the_datapath_computes_what_onnxruntime_computed(job: MainJob) -> None:
    assert len(job.agreement) == 72
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
        "MIT",
        "Sector Labs",
        "BSD-2-Clause",
        "Yahoo",
        "https://github.com/yahoo/open_nsfw",
        "Michetti",
    ):
        assert word in text
    assert "Yahoo" in zoo.fetch("resnet50-thin")["weights_licence"].read_text()


def test_three_chips_ran_as_trained_and_pruned(job: MainJob) -> None:
    for results in job.runs.values():
        assert [result.chip.name for result in results] == list(CHIPS)
        assert all(len(result.layer_results) == 72 for result in results)
    pruned = [title for title in job.runs if "pattern only, accuracy not claimed" in title]
    assert len(pruned) == 1
    assert job.runs[pruned[0]][2].summary()["weight_density_fraction"] == pytest.approx(0.3, abs=0.01)


def test_every_zero_that_a_chip_can_skip_helps_and_none_helps_more_than_all(job: MainJob) -> None:
    document = job.document()
    for rows in document["runs"].values():
        dense, activation, both = rows
        assert dense["baseline"] == BASELINE
        assert dense["speedup"] == 1
        assert 1 < activation["speedup"] < activation["speedup_limit"]
        assert 1 < both["speedup"] < both["speedup_limit"]
    json.dumps(document)


def test_every_layer_was_compared_with_numpy(job: MainJob) -> None:
    for results in job.runs.values():
        for result in results:
            array = [r for r in result.layer_results if r.layer is not None]
            assert all(r.outputs_checked for r in array)
            assert not any(r.outputs_drawn for r in array)


def test_the_folder_holds_the_figures_of_the_table(job: MainJob) -> None:
    for results in job.runs.values():
        for result in results:
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
    for results in job.runs.values():
        network = job.folder / results[0].network
        for result in results:
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
    hashes = {r.provenance["trace_hash"] for r in next(iter(job.runs.values()))}
    assert hashes == {trace.content_hash}


def test_the_pictures_folder_is_a_users_own(job: MainJob) -> None:
    assert {path.name for path in Path(job.folder).iterdir()} == {
        "agreement.csv", "resnet50-thin", "resnet50-thin-weights30", "resnet50-thin.safetensors",
    }  # fmt: skip
