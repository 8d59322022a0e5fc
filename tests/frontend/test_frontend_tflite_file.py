"""Files are read as they are described, or refused by name."""

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tflite_by_hand import File

from accelsim.errors import ImportedModelError
from accelsim.frontend.tflite_file import read_tflite
from accelsim.frontend.tflite_operators import translate


def sparse(
    dense: Any, order: list[int], blocks: dict[int, int], compressed: list[bool]
) -> tuple[Any, dict[str, Any]]:
    """Stored values and sparsity of a tensor, level by level, in plain loops."""
    rank = dense.ndim
    mapped = list(blocks)
    extents = [n // blocks.get(axis, 1) for axis, n in enumerate(dense.shape)] + [blocks[a] for a in mapped]
    expanded = {}
    for place in np.ndindex(*extents):
        index = tuple(
            place[a] * blocks.get(a, 1) + (place[rank + mapped.index(a)] if a in mapped else 0)
            for a in range(rank)
        )
        expanded[tuple(place[d] for d in order)] = dense[index]
    nodes: list[tuple[int, ...]] = [()]
    levels: list[Any] = []
    for depth, dimension in enumerate(order):
        children, segments = [], [0]
        for node in nodes:
            for i in range(extents[dimension]):
                below = [v for k, v in expanded.items() if k[: depth + 1] == (*node, i)]
                if not compressed[depth] or any(below):
                    children.append((*node, i))
            segments.append(len(children))
        indices = [c[-1] for c in children]
        levels.append(
            (np.array(segments, np.int32), np.array(indices, np.uint8))
            if compressed[depth]
            else extents[dimension]
        )
        nodes = children
    values = np.array([expanded[n] for n in nodes], dense.dtype)
    return values, {"order": order, "blocks": mapped, "levels": levels}


@st.composite
def drawn(draw: Any) -> tuple[Any, list[int], dict[int, int], list[bool]]:
    outer = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    blocks = {
        axis: draw(st.integers(1, 2)) for axis in draw(st.sets(st.integers(0, len(outer) - 1), max_size=2))
    }
    shape = [n * blocks.get(a, 1) for a, n in enumerate(outer)]
    values = draw(
        st.lists(
            st.sampled_from([0, 0, 1, -7, 90]), min_size=int(np.prod(shape)), max_size=int(np.prod(shape))
        )
    )
    order = draw(st.permutations(range(len(outer)))) + list(range(len(outer), len(outer) + len(blocks)))
    compressed = [draw(st.booleans()) for _ in outer] + [False] * len(blocks)
    return np.array(values, np.int8).reshape(shape), order, blocks, compressed


@settings(deadline=None)
@given(case=drawn())
def test_sparse_tensor_is_densified(tmp_path_factory: Any, case: Any) -> None:
    dense, order, blocks, compressed = case
    values, sparsity = sparse(dense, order, blocks, compressed)
    if not values.size:  # an empty buffer is no constant
        return
    file = File()
    x = file.tensor(dense.shape, "int8")
    w = file.tensor(dense.shape, "int8", values, sparsity=sparsity)
    path = tmp_path_factory.mktemp("sparse") / "m.tflite"
    read = read_tflite(file.save(path, [x], [w]))
    np.testing.assert_array_equal(read.tensors[w].constant, dense)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"order": [0, 0]}, "levels in order"),
        ({"levels": [2, (np.array([0, 1, 3], np.int32), np.array([1, 0, 4], np.uint8))]}, "outside 0..3"),
        ({"levels": [2, (np.array([0, 3, 2], np.int32), np.array([1, 0], np.uint8))]}, "goes back"),
        ({"levels": [2, (np.array([0, 2], np.int32), np.array([1, 0], np.uint8))]}, "2 segments for 2 rows"),
        (
            {"levels": [3, (np.array([0, 1, 2, 3], np.int32), np.array([1, 0, 2], np.uint8))]},
            "states size 3, not 2",
        ),
        ({"levels": [2, (np.array([0, 1, 2], np.int32), np.array([1, 0], np.uint8))]}, "names 2 of 3 values"),
        ({"levels": [2, 1 << 30]}, "states size"),
        ({"blocks": [7], "order": [0, 1, 2], "levels": [2, 4, 1]}, "blocks dimensions"),
    ],
)
def test_sparsity_that_does_not_fit_is_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    levels: list[Any] = [2, (np.array([0, 1, 3], np.int32), np.array([1, 0, 2], np.uint8))]
    file = File()
    w = file.tensor(
        (2, 4),
        "int8",
        np.array([1, 2, 3], np.int8),
        sparsity={"order": [0, 1], "levels": levels} | change,
        name="weights",
    )
    with pytest.raises(ImportedModelError, match=f"'weights'.*{words}"):
        read_tflite(file.save(tmp_path / "m.tflite", [w], [w]))


def small(path: Path) -> Path:
    file = File()
    x = file.tensor((1, 4, 4, 2))
    options = {
        "StrideH": 1,
        "StrideW": 1,
        "DilationHFactor": 1,
        "DilationWFactor": 1,
        "Padding": 0,
        "FusedActivationFunction": 1,
    }
    y = file.add(
        "CONV_2D",
        [x, file.normal(3, 2, 2, 2), file.normal(3)],
        file.tensor((1, 4, 4, 3)),
        "Conv2DOptions",
        **options,
    )
    return file.save(path, [x], [y])


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_damaged_file_is_read_or_refused(tmp_path_factory: Any, data: Any) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    content = bytearray(small(folder / "whole.tflite").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(8, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    damaged = folder / "damaged.tflite"
    damaged.write_bytes(content)
    with contextlib.suppress(ImportedModelError):
        translate(read_tflite(damaged))


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.tflite"
    text.write_text("no model at all")
    with pytest.raises(ImportedModelError, match=r"text\.tflite: not a TensorFlow Lite file"):
        read_tflite(text)
    with pytest.raises(ImportedModelError, match="no such file"):
        read_tflite(tmp_path / "none.tflite")
