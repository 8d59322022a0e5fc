"""Weights files are read as Python's pickler wrote them; all else is refused by name, nothing is run."""

import contextlib
import os
import pickle
from collections import OrderedDict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch_by_hand import DTYPES, Storage, Tensor, plain, stream

from accelsim.errors import ImportedModelError
from accelsim.frontend.torch_file import read_torch_file

SIX = Storage("6", np.arange(6))
HUGE = 1 << 40


class Call:
    """Pickles as a call of any function, as an attacker would write it."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@st.composite
def drawn_entries(draw: Any) -> dict[str, Tensor]:
    """Tensors of any strides, overlapping and transposed ones too, in storages that they may share."""
    storages = [
        Storage(str(i), np.arange(draw(st.integers(1, 40))) + 40 * i, draw(st.sampled_from(list(DTYPES))))
        for i in range(draw(st.integers(1, 3)))
    ]
    entries: dict[str, Tensor] = OrderedDict()
    for i in range(draw(st.integers(0, 4))):
        storage = draw(st.sampled_from(storages))
        size, shape, strides = len(storage.elements), list[int](), list[int]()
        offset = draw(st.integers(0, size - 1))
        left = size - 1 - offset
        for _ in range(draw(st.integers(0, 3))):
            step = draw(st.integers(0, 6))
            most = left // step + 1 if step else 3
            shape.append(draw(st.integers(0, most)))
            strides.append(step)
            left -= step * max(shape[-1] - 1, 0)
        if np.prod(shape) <= size:
            entries[f"layer{i}.weight"] = Tensor(storage, offset, tuple(shape), tuple(strides))
    return entries


@given(entries=drawn_entries())
def test_each_element_of_a_tensor_is_where_its_strides_say(entries: dict[str, Tensor]) -> None:
    read = read_torch_file(stream(entries))
    assert list(read) == list(entries)
    for name, tensor in entries.items():
        array = read[name]
        assert array.dtype == DTYPES[tensor.storage.kind]
        assert array.shape == tensor.shape
        assert array.flags.aligned
        for place in product(*(range(n) for n in tensor.shape)):
            at = tensor.offset + sum(i * step for i, step in zip(place, tensor.strides, strict=True))
            assert array[place] == tensor.storage.elements[at]


@pytest.mark.small
def test_a_transposed_tensor_is_read_from_a_path(tmp_path: Path) -> None:
    """0 1 2 / 3 4 5 with the strides of the transpose, as weights that came from another framework."""
    path = tmp_path / "w.pth"
    path.write_bytes(stream({"w": Tensor(SIX, 0, (3, 2), (1, 3)), "one": Tensor(SIX, 4, (), ())}))
    read = read_torch_file(path)
    np.testing.assert_array_equal(read["w"], [[0, 3], [1, 4], [2, 5]])
    assert read["one"] == 4


@pytest.mark.small
def test_what_torch_notes_beside_the_tensors_is_left_out() -> None:
    class StateDict(OrderedDict):  # type: ignore[type-arg]
        def __reduce__(self) -> Any:
            return OrderedDict, (), {"_metadata": {"": {"version": 1}}}, None, iter(self.items())

    entries = StateDict(w=Tensor(SIX, 0, (6,), (1,)))
    assert b"_metadata" in stream(entries)
    np.testing.assert_array_equal(read_torch_file(stream(entries))["w"], range(6))


@pytest.mark.small
def test_more_than_256_tensors_reach_the_long_instructions() -> None:
    entries = {f"w{i}": Tensor(Storage(str(i), np.arange(i)), 0, (i,), (1,)) for i in range(300)}
    read = read_torch_file(stream(entries))
    assert [a.size for a in read.values()] == list(range(300))


def test_a_command_in_a_file_is_named_and_not_run(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    content = stream({"w": Call(os.system, f"echo > {victim}")})
    assert pickle.loads(plain(Call(os.system, f"echo > {victim}"))) == 0  # it would have run
    victim.unlink()
    with pytest.raises(ImportedModelError, match=r"w\.pth: '(posix|nt)\.system' is named.*refused"):
        read_torch_file(content, "w.pth")
    assert not victim.exists()


@pytest.mark.small
@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Call(eval, "1"), r"'__?builtins?__\.eval' is named"),
        (Path("a"), r"'pathlib(\._local)?\.Pos"),
        (Call(OrderedDict, [["a", 1]]), r"a call of 'collections\.OrderedDict'"),
        (Tensor(Storage("b", np.arange(2), "BFloat16Storage"), 0, (2,), (1,)), r"'torch\.BFloat16Storage'"),
        (Tensor(3, 0, (2,), (1,)), "not described as torch does"),
        (Tensor(SIX, 0, (2,), ("1",)), "no integers"),
        (Tensor(Storage("v", np.arange(2), view=("k", 0, 1)), 0, (2,), (1,)), "or a part of one"),
        (OrderedDict, "is no tensor but a _Name"),
        (3, "'w' is no tensor but a int"),
        (2.5, r"instruction b'G' is not supported"),
        ({1: 2}, "keys are not text"),
    ],
)
def test_what_no_dictionary_of_tensors_needs_is_refused(value: Any, words: str) -> None:
    with pytest.raises(ImportedModelError, match=words):
        read_torch_file(stream({"w": value}))


@pytest.mark.small
@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (Tensor(SIX, 1, (6,), (1,)), "leaves its storage of 6 elements"),
        (Tensor(SIX, 6, (1,), (1,)), "leaves its storage"),
        (Tensor(SIX, 6, (), ()), "leaves its storage"),
        (Tensor(SIX, -1, (2,), (1,)), "leaves its storage"),
        (Tensor(SIX, 0, (3, 2), (2, 3)), "leaves its storage"),
        (Tensor(SIX, 0, (2,), (HUGE,)), "leaves its storage"),
        (Tensor(SIX, 0, (HUGE,), (0,)), "leaves its storage"),
        (Tensor(SIX, 0, (HUGE, HUGE, 0), (0, 0, 0)), "leaves its storage"),
        (Tensor(SIX, 0, (2, 3), (1,)), "2 dimensions and 1 strides"),
        (Tensor(SIX, 5, (2,), (-1,)), "do not fit"),
        (Tensor(SIX, 0, (1,) * 60, (1,) * 60), "60 dimensions"),
        (Tensor(Storage("6", np.arange(6), stored=HUGE), 0, (6,), (1,)), "holds 1099511627776 elements"),
        (Tensor(Storage("6", np.arange(6), stored=-1), 0, (6,), (1,)), "holds -1 elements"),
        (
            Tensor(Storage("6", np.arange(6), count=HUGE, stored=HUGE), 0, (HUGE,), (1,)),
            "4398046511104 bytes are announced, 24 are left",
        ),
        (
            Tensor(Storage("6", np.arange(6), count=-8, stored=-8), 0, (6,), (1,)),
            "-32 bytes are announced",
        ),
        (Tensor(Storage("6", np.arange(6), count=5, stored=5), 0, (5,), (1,)), "4 bytes follow"),
    ],
)
def test_a_tensor_or_storage_larger_than_the_file_is_refused(tensor: Tensor, words: str) -> None:
    with pytest.raises(ImportedModelError, match=f"^model: .*{words}"):
        read_torch_file(stream({"w": tensor}), "model")


@pytest.mark.small
def test_one_storage_is_described_in_one_way() -> None:
    whole, part = Tensor(SIX, 0, (6,), (1,)), Tensor(Storage("6", np.arange(6), count=3), 0, (3,), (1,))
    with pytest.raises(ImportedModelError, match="storage '6' is described in two ways"):
        read_torch_file(stream({"a": whole, "b": part}))


@pytest.mark.small
@pytest.mark.parametrize("keys", [[], ["7"], ["6", "6"], ["6", "7"], "6", [6]])
def test_storages_that_are_not_those_of_the_tensors_are_refused(keys: Any) -> None:
    with pytest.raises(ImportedModelError, match="storage"):
        read_torch_file(stream({"w": Tensor(SIX, 0, (6,), (1,))}, keys=keys))


@pytest.mark.small
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04" + bytes(40), "a zip archive, as torch saves since 1.6"),
        (b"", "not a file of torch.save"),
        (b"no model at all", "not a file of torch.save"),
        (plain(12), "not a file of torch.save"),
        (pickle.dumps({}, protocol=4), "pickle protocol 4 is not supported"),
        (stream({}, start=plain(0x1950A86A20F9469CFC6C) + plain(1002)), "not protocol 1001"),
        (
            stream({}, start=plain(0x1950A86A20F9469CFC6C) + plain(1001) + plain({"little_endian": False})),
            "little-endian",
        ),
        (stream([1]), "no dictionary of tensors but a list"),
        (stream({}, after=b"x"), "1 bytes follow the last storage"),
    ],
)
def test_what_is_no_weights_file_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(ImportedModelError, match=words):
        read_torch_file(content)


@pytest.mark.small
@pytest.mark.parametrize(
    ("program", "words"),
    [
        (b".", "takes more than it has"),
        (b"\x85.", "takes more than it has"),
        (b"t.", "without a mark"),
        (b"Nq\x01h\x02.", "place 2"),
        (b"q\x01.", "builds on what is no object"),
        (b"Na.", "builds on what is no list"),
        (b"NNa.", "no list"),
        (b"NNb.", "no dict"),
        (b"}(X\x01\x00\x00\x00au.", "keys are not text"),
        (b"X\xff\xff\xff\xff.", "4294967295 bytes are announced"),
        (b"X\x01\x00\x00\x00\xff.", "not UTF-8"),
        (b"cos", "a name without an end"),
        (b"NNR.", "a call of 'NoneType'"),
        (b"NQ.", "not described as torch does"),
        (b"\x93.", r"instruction b'\\x93' is not supported"),
        (b"", "1 bytes are announced, 0 are left"),
    ],
)
def test_a_damaged_program_is_refused(program: bytes, words: str) -> None:
    whole = stream({})
    start = whole[: whole.rindex(plain({}))]
    with pytest.raises(ImportedModelError, match=words):
        read_torch_file(start + b"\x80\x02" + program)


@pytest.mark.small
def test_a_file_that_ends_early_is_refused_wherever_it_ends() -> None:
    content = stream({"w": Tensor(SIX, 0, (3, 2), (1, 3))})
    for end in range(len(content)):
        with pytest.raises(ImportedModelError):
            read_torch_file(content[:end])


@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_and_never_grows(data: Any) -> None:
    content = bytearray(stream({"a": Tensor(SIX, 0, (3, 2), (1, 3)), "b": Tensor(SIX, 2, (4,), (1,))}))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ImportedModelError):
        read = read_torch_file(bytes(content))
        assert sum(array.nbytes for array in read.values()) <= len(content)


@pytest.mark.small
def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImportedModelError, match=r"none\.pth: no such file"):
        read_torch_file(tmp_path / "none.pth")
