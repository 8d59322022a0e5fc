"""Every encoding gives back exactly what it was given, and says exactly how large it is."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from accelsim.errors import TraceError
from accelsim.formats import FORMATS, NOfM, Stream, bitmask, dense

DTYPES = (np.int8, np.uint8, np.int16)


@st.composite
def tensors(draw: st.DrawFn) -> tuple[np.ndarray[Any, Any], Any]:
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=19))
    few = st.sampled_from([np.iinfo(dtype).min, 0, 1, 5, np.iinfo(dtype).max])
    values = draw(hnp.arrays(dtype, shape, elements=few))
    per_filter = len(shape) > 1 and shape[0] > 0 and draw(st.booleans())
    zero = draw(hnp.arrays(np.int32, shape[:1], elements=few)) if per_filter else draw(few)
    return values, zero


def fitting(name: str, values: Any, zero: Any) -> Any:
    """The tensor, or for N of M one whose groups hold no more than N values."""
    encoding = FORMATS[name]
    if not isinstance(encoding, NOfM) or values.ndim == 0:
        return values
    fitted = values.copy()
    zeros = np.broadcast_to(
        np.reshape(zero, np.shape(zero) + (1,) * (values.ndim - 1)) if np.ndim(zero) else zero, values.shape
    )
    for start in range(0, values.shape[-1], encoding.m):
        part = slice(start, start + encoding.m)
        kept = fitted[..., part] != zeros[..., part]
        over = kept & (np.cumsum(kept, axis=-1) > encoding.n)
        fitted[..., part][over] = zeros[..., part][over]
    return fitted


@pytest.mark.small
@pytest.mark.parametrize("name", FORMATS)
@given(given_tensor=tensors())
def test_decoding_gives_back_values_and_dtype(name: str, given_tensor: tuple[Any, Any]) -> None:
    values, zero = given_tensor
    values = fitting(name, values, zero)
    stream = FORMATS[name].encode(values, zero)
    back = FORMATS[name].decode(stream, values.shape, zero)
    assert back.dtype == values.dtype
    np.testing.assert_array_equal(back, values)


@pytest.mark.small
@pytest.mark.parametrize("name", FORMATS)
@given(given_tensor=tensors())
def test_the_size_is_that_of_metadata_and_payload(name: str, given_tensor: tuple[Any, Any]) -> None:
    values, zero = given_tensor
    values = fitting(name, values, zero)
    stream = FORMATS[name].encode(values, zero)
    bits = 8 * values.dtype.itemsize
    assert FORMATS[name].size_bits(values, zero, bits) == 8 * (stream.metadata.nbytes + stream.payload.nbytes)


@pytest.mark.small
def test_the_mask_of_each_run_starts_on_a_byte_lowest_bit_first() -> None:
    values = np.array([[7, 0, 0, 0, 0, 0, 0, 0, 1], [0, 2, 0, 0, 0, 0, 0, 0, 0]], np.int8)
    stream = bitmask.encode(values)
    assert stream.metadata.tolist() == [0b1, 0b1, 0b10, 0b0]
    assert stream.payload.tolist() == [7, 1, 2]


@pytest.mark.small
def test_a_zero_is_what_equals_its_filters_zero_point() -> None:
    values = np.array([[3, 0], [3, 0]], np.uint8)
    assert bitmask.encode(values, np.array([3, 0])).payload.tolist() == [0, 3]


BAD = {
    "mask of another length": (Stream(np.zeros(3, np.uint8), np.zeros(0, np.int8)), "is 2 bytes, not"),
    "bit past the end": (
        Stream(np.array([8, 0], np.uint8), np.ones(1, np.int8)),
        "sets bits past the last of 3 elements",
    ),
    "values missing": (
        Stream(np.array([3, 0], np.uint8), np.ones(1, np.int8)),
        r"sets 2 bits for values of shape \(1,\)",
    ),
    "another dtype": (Stream(np.array([1, 0], np.uint8), np.ones(1, np.float32)), "not float32"),
}


@pytest.mark.small
@pytest.mark.parametrize("case", BAD)
def test_a_stream_that_no_tensor_encodes_to_is_refused_by_name(case: str) -> None:
    stream, message = BAD[case]
    with pytest.raises(TraceError, match=f"conv1: .*{message}"):
        bitmask.decode(stream, (2, 3), name="conv1")


@pytest.mark.small
def test_a_dense_stream_of_another_length_or_with_metadata_is_refused() -> None:
    with pytest.raises(TraceError, match="conv1: shape"):
        dense.decode(Stream(np.zeros(0, np.uint8), np.zeros(5, np.int8)), (2, 3), name="conv1")
    with pytest.raises(TraceError, match="conv1: a dense stream has no metadata, not 1 bytes"):
        dense.decode(Stream(np.zeros(1, np.uint8), np.zeros(6, np.int8)), (2, 3), name="conv1")


@pytest.mark.small
@pytest.mark.parametrize(
    ("zero", "message"),
    [
        (300, "must be a value of int8, not 300"),
        (np.zeros(3, np.int32), r"must be one or 2, not shape \(3,\)"),
        (0.5, "must be an integer, not float64"),
    ],
)
def test_a_zero_point_that_does_not_fit_is_refused(zero: Any, message: str) -> None:
    with pytest.raises(TraceError, match=message):
        bitmask.encode(np.zeros((2, 3), np.int8), zero)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "shape", [(1 << 30, 1), (1 << 15, 1 << 15), (1 << 30,), (1 << 28, 1, 4), (1 << 60, 0)]
)
def test_a_shape_that_the_stream_cannot_tell_is_refused_before_it_is_allocated(
    name: str, shape: tuple[int, ...]
) -> None:
    dtype = np.uint8 if name.startswith("huffman") else np.int8
    tracemalloc.start()
    try:
        for metadata, values in ((0, 1), (3, 1), (64, 8)):
            with pytest.raises(TraceError, match="conv1: "):
                FORMATS[name].decode(
                    Stream(np.zeros(metadata, np.uint8), np.ones(values, dtype)), shape, 0, "conv1"
                )
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.small
@pytest.mark.parametrize("name", ["run_length4", "run_length5"])
def test_a_bit_that_no_run_uses_must_not_be_set(name: str) -> None:
    encoding = FORMATS[name]
    stream = encoding.encode(np.array([0, 7, 0], np.int8))
    assert encoding.decode(stream, (3,)).tolist() == [0, 7, 0]
    damaged = Stream(stream.metadata | np.uint8(128), stream.payload)
    with pytest.raises(TraceError, match="no tensor encodes to this metadata"):
        encoding.decode(damaged, (3,), name="conv1")
