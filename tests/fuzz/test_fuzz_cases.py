"""Every case that fuzzing found keeps its law, and so do mutations of true encodings and files."""

import re
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parent))

from fuzz_targets import CASES, FILES, TARGETS, headroom

pytestmark = pytest.mark.small
FOUND = sorted(path for path in CASES.rglob("*") if path.is_file())
# Where models are read; their packages are extras.
NEEDS = {"tflite": "tflite", "torch": "numpy"}


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_fuzzing_found_keeps_the_law(path: Path, tmp_path: Path) -> None:
    pytest.importorskip(NEEDS.get(path.parent.name, "numpy"))
    with headroom():
        TARGETS[path.parent.name].run(path.read_bytes(), tmp_path)


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_encoded_keeps_the_law(name: str, tmp_path: Path) -> None:
    pytest.importorskip(NEEDS.get(name, "numpy"))
    for seed in TARGETS[name].seeds(tmp_path):
        TARGETS[name].run(seed, tmp_path)


@st.composite
def mutated(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed with flipped bits, cut, spliced with another, or with a length or count that overflows."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        how = draw(st.sampled_from(["flip", "cut", "splice", "overflow"]))
        if how == "flip" and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "cut":
            del data[at : at + draw(st.integers(1, 8))]
        elif how == "splice":
            other = draw(st.sampled_from(seeds))
            data[at:] = other[draw(st.integers(0, len(other))) :]
        elif how == "overflow":
            data[at : at + draw(st.sampled_from([1, 2, 4, 8]))] = b"\xff" * 8
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_is_refused_by_name_or_harmless(name: str, data: st.DataObject, tmp_path: Path) -> None:
    pytest.importorskip(NEEDS.get(name, "numpy"))
    with headroom():
        TARGETS[name].run(data.draw(mutated(TARGETS[name].seeds(tmp_path))), tmp_path)


def test_every_reader_is_fuzzed() -> None:
    """A new file that reads what users bring needs a target."""
    package = Path(__file__).parents[2] / "accelsim"
    readers = {
        "trace/file.py": "trace_file",
        "trace/npz.py": "npz_file",
        "trace/folder.py": "folder",
        "hardware/source.py": "hardware",
        "frontend/topology.py": "topology",
        "frontend/tflite_file.py": "tflite",
        "frontend/torch_file.py": "torch",
        "plan_file.py": "plans",
        "hardware/devices.py": "device",
        "study/study_file.py": "study",
    }
    assert all((package / file).is_file() for file in readers)
    assert set(readers.values()) <= set(FILES)
    opens = re.compile(r"\.read_bytes\(|\.read_text\(|\.open\(|np\.load\(|safe_open\(")
    found = {
        path.relative_to(package).as_posix()
        for folder in ("trace", "hardware", "frontend")
        for path in (package / folder).glob("*.py")
        if opens.search(path.read_text())
    }
    # A chip's file is parsed by source.py, an ONNX model by protobuf.
    assert found <= set(readers) | {"hardware/loader.py", "frontend/quantise.py"}
