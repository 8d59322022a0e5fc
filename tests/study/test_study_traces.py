"""A network is built once, until something that decided its trace has changed."""

from pathlib import Path

import pytest

from accelsim import zoo
from accelsim.study import traces


@pytest.fixture
def built(tmp_path, monkeypatch):
    """Names of the builds so far; a build gives a small trace in place of a fetched network's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = []

    def build(name):
        made.append(name)
        return zoo.digits_trace("digits-mlp").select_input(0)

    monkeypatch.setattr(zoo, "build", build)
    return made


def test_a_network_is_built_once(built):
    first = traces.trace_file("resnet50-thin")
    assert traces.trace_file("resnet50-thin") == first
    assert traces.found(first) is not None
    assert built == ["resnet50-thin"]


@pytest.mark.parametrize("what", ["code_version", "versions", "distributions"])
def test_it_is_built_again_where_code_or_packages_are_others(built, monkeypatch, what):
    traces.trace_file("resnet50-thin")
    others = {"code_version": "0", "versions": {"numpy": "0"}, "distributions": []}
    monkeypatch.setattr(traces, what, lambda: others[what])
    traces.trace_file("resnet50-thin")
    assert len(built) == 2


def test_it_is_built_again_where_its_recipe_is_another(built, monkeypatch):
    traces.trace_file("resnet50-thin")
    recipe = zoo.recipe("resnet50-thin")
    other = recipe.model_copy(update={"calibration": recipe.calibration[:1]})
    assert other != recipe
    monkeypatch.setattr(zoo, "recipes", lambda: {"resnet50-thin": other})
    traces.trace_file("resnet50-thin")
    assert len(built) == 2


def test_it_is_built_again_where_its_file_is_gone(built):
    Path(traces.trace_file("resnet50-thin").path).unlink()
    file = traces.trace_file("resnet50-thin")
    assert Path(file.path).is_file()
    assert len(built) == 2


def test_a_file_of_its_name_comes_first(built, tmp_path, monkeypatch):
    from accelsim.trace import write

    monkeypatch.chdir(tmp_path)
    write(zoo.digits_trace("digits-cnn").select_input(0), "resnet50-thin")
    traces.trace_file("resnet50-thin")
    assert built == []
