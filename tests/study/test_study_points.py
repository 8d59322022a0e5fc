"""Points: what their keys hash, and traces that are found, shipped or refused."""

import pytest

from accelsim import zoo
from accelsim.errors import TraceError
from accelsim.hardware import load_hardware
from accelsim.study import traces
from accelsim.study.points import Point, _simulated, point_key
from accelsim.study.study_file import Keep, MappingOptions
from accelsim.study.traces import TraceFile, found, keep, trace_file
from accelsim.trace import write

CHIP = load_hardware("both-skip-16x16")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "accelsim" / "traces"


def test_a_key_changes_with_all_that_decides_figures_and_with_nothing_else(monkeypatch):
    key = point_key(CHIP, "t", MappingOptions())
    assert key == point_key(CHIP.model_copy(update={"name": "other"}), "t", MappingOptions())
    other = load_hardware("both-skip-16x16", ["pe_array.rows=8"])
    keys = {
        key,
        point_key(other, "t", MappingOptions()),
        point_key(CHIP, "u", MappingOptions()),
        point_key(CHIP, "t", MappingOptions(objective="energy")),
        point_key(CHIP, "t", MappingOptions(seed=1)),
    }
    assert len(keys) == 5
    monkeypatch.setattr("accelsim.study.points.code_version", lambda: "other")
    assert point_key(CHIP, "t", MappingOptions()) not in keys


def test_a_study_hands_every_mapping_option_to_the_simulator(monkeypatch):
    options = {
        "objective": "energy",
        "between_layers": "keep",
        "together": True,
        "balance_filters": True,
        "order_channels": True,
        "toggles": "off",
        "seed": 3,
    }
    assert {*options, "skip_unsupported"} == set(MappingOptions.model_fields)
    given = {}

    def seen(trace, chip, **arguments):
        given.update(arguments)
        raise TraceError("seen")

    monkeypatch.setattr("accelsim.study.points.simulate", seen)
    trace = zoo.digits_trace("digits-mlp")
    point = Point(
        number=0,
        key="k",
        chip=CHIP,
        settings={},
        trace=TraceFile("t", trace.content_hash),
        mapping=MappingOptions(**options),
        keep=Keep(),
        code="c",
    )
    with pytest.raises(TraceError, match="seen"):
        _simulated(point, trace)
    assert given.items() >= options.items()


def test_a_network_by_name_is_written_once_and_a_file_is_used_as_it_is(cache, tmp_path):
    trace = zoo.digits_trace("digits-mlp")
    named = trace_file("digits-mlp")
    assert named == TraceFile(str(cache / f"{trace.content_hash}.safetensors"), trace.content_hash)
    write(trace, tmp_path / "mlp.safetensors")
    assert trace_file(str(tmp_path / "mlp.safetensors")).path == str(tmp_path / "mlp.safetensors")


def test_a_trace_of_another_hash_is_absent(tmp_path):
    path = tmp_path / "t.safetensors"
    write(zoo.digits_trace("digits-mlp"), path)
    assert found(TraceFile(str(path), "0" * 64)) is None
    assert found(TraceFile("/none/t.safetensors", "1" * 64)) is None


def test_a_shipped_trace_is_kept_by_hash_and_another_is_refused(tmp_path, cache):
    trace = zoo.digits_trace("digits-mlp")
    path = tmp_path / "t.safetensors"
    write(trace, path)
    far = TraceFile("/none/t.safetensors", trace.content_hash)
    assert found(far) is None
    keep(far, path.read_bytes())
    opened = found(far)
    assert opened is not None
    assert opened.content_hash == trace.content_hash
    assert found(far) is opened  # opened once
    with pytest.raises(TraceError, match="it was changed"):
        keep(TraceFile("/none/u.safetensors", "2" * 64), path.read_bytes())
    assert [p.stem for p in cache.iterdir()] == [trace.content_hash]


def test_the_cache_folder_keeps_the_traces_used_last(cache, monkeypatch):
    monkeypatch.setattr(traces, "_KEPT", 1)
    trace_file("digits-mlp")
    last = trace_file("digits-cnn")
    assert [p.stem for p in cache.glob("*.safetensors")] == [last.content_hash]
