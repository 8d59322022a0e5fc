"""What each sparse encoding stores, by hand; and what no tensor encodes to is refused by name and place."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from accelsim.errors import TraceError
from accelsim.formats import FORMATS, Absolute, Block, NOfM, RelativeCSC, RunLength, Stream
from accelsim.formats._bits_kernel import pack, unpack
from accelsim.formats.huffman import code_lengths, decode_symbols, encode_symbols, mean_bits
from accelsim.formats.stream import packed_bytes

LINE = np.array([0, 0, 5, 0, 0, 0, 0, 7, 0], np.int8)


@pytest.mark.small
@given(bits=st.integers(1, 32), data=st.data())
def test_fields_of_bits_come_back(bits: int, data: st.DataObject) -> None:
    fields = np.array(data.draw(st.lists(st.integers(0, 2**bits - 1), max_size=40)), np.uint32)
    packed = pack(fields, bits)
    assert packed.size == packed_bytes(fields.size, bits)
    np.testing.assert_array_equal(unpack(packed, fields.size, bits), fields)
    whole = sum(int(field) << (bits * i) for i, field in enumerate(fields))
    assert int.from_bytes(packed.tobytes(), "little") == whole


@pytest.mark.small
def test_a_run_of_more_zeros_than_fit_has_a_padding_zero() -> None:
    runs, values = RunLength(1).entries(LINE)
    assert list(zip(runs.tolist(), values.tolist(), strict=True)) == [(1, 0), (0, 5), (1, 0), (1, 0), (0, 7)]
    runs, values = RunLength(4).entries(LINE)
    assert list(zip(runs.tolist(), values.tolist(), strict=True)) == [(2, 5), (4, 7)]


@pytest.mark.small
@pytest.mark.parametrize(("zeros", "entries"), [(15, 1), (16, 2), (31, 2), (32, 3)])
def test_sixteen_zeros_cost_an_entry_of_four_bit_runs(zeros: int, entries: int) -> None:
    line = np.array([0] * zeros + [3], np.int8)
    assert RunLength(4).encode(line).payload.size == entries
    column = line[:, None]
    stream = RelativeCSC(index_bits=4).encode(column)
    assert stream.payload.size == entries


@pytest.mark.small
def test_columns_of_a_pe_count_their_own_rows_only() -> None:
    """Rows 0 and 2 of PE 0, rows 1 and 3 of PE 1; nothing after the last value of a column."""
    matrix = np.array([[1, 0], [0, 0], [2, 3], [4, 0]], np.int8)
    stream = RelativeCSC(index_bits=4, pes=2, pointer_bits=8).encode(matrix)
    assert stream.payload.tolist() == [1, 2, 3, 4]
    assert stream.metadata[:6].tolist() == [0, 2, 3, 0, 1, 1]
    assert unpack(stream.metadata[6:], 4, 4).tolist() == [0, 0, 1, 1]


@pytest.mark.small
def test_more_entries_than_a_pointer_tells_are_refused() -> None:
    with pytest.raises(TraceError, match="fc6: a PE has 4 entries; pointers have 2 bits"):
        RelativeCSC(pointer_bits=2).encode(np.ones((4, 1), np.int8), name="fc6")


@pytest.mark.small
def test_absolute_indices_are_those_of_the_line() -> None:
    matrix = np.array([[0, 5, 0], [0, 0, 0], [7, 0, 9]], np.int8)
    rows, columns = Absolute().encode(matrix), Absolute(by_columns=True).encode(matrix)
    assert rows.metadata[:16].view("<u4").tolist() == [0, 1, 1, 3]
    assert unpack(rows.metadata[16:], 3, 2).tolist() == [1, 0, 2]
    assert columns.payload.tolist() == [7, 5, 9]


@pytest.mark.small
def test_a_block_with_one_value_is_stored_whole() -> None:
    matrix = np.zeros((4, 5), np.int8)
    matrix[2, 4] = 3
    stream = Block(2).encode(matrix)
    assert stream.metadata.tolist() == [0b100000]
    assert stream.payload.tolist() == [3, 0]  # at the edge a block is narrower


@pytest.mark.small
def test_n_of_m_stores_n_whatever_the_group_holds() -> None:
    stream = NOfM(2, 4).encode(np.array([0, 0, 0, 8, 6, 0, 5, 0], np.int8))
    assert stream.payload.tolist() == [0, 8, 6, 5]
    assert unpack(stream.metadata, 4, 2).tolist() == [0, 3, 0, 2]
    with pytest.raises(TraceError, match="conv1: group 1 of 4 has 3 values, more than 2"):
        NOfM(2, 4).encode(np.array([[0, 0, 0, 8], [6, 1, 5, 0]], np.int8), name="conv1")


@pytest.mark.small
@given(frequencies=hnp.arrays(np.int64, st.integers(1, 40), elements=st.integers(0, 1000)))
def test_a_huffman_code_is_a_prefix_code_within_a_bit_of_the_entropy(frequencies: Any) -> None:
    lengths = code_lengths(frequencies).astype(int)
    assert ((lengths > 0) == (frequencies > 0)).all()
    used = frequencies[frequencies > 0]
    if used.size > 1:
        assert (0.5 ** lengths[lengths > 0]).sum() == 1
        share = used / used.sum()
        entropy = -(share * np.log2(share)).sum()
        assert entropy - 1e-9 <= mean_bits(frequencies) < entropy + 1


@pytest.mark.small
@given(symbols=hnp.arrays(np.uint8, st.integers(0, 200), elements=st.integers(0, 15)))
def test_huffman_coded_symbols_come_back(symbols: Any) -> None:
    lengths, written = encode_symbols(symbols, 16)
    np.testing.assert_array_equal(decode_symbols(written, symbols.size, lengths, "w"), symbols)


@pytest.mark.small
def test_huffman_tables_and_codes_that_cannot_be_are_refused() -> None:
    lengths, written = encode_symbols(np.array([0, 1, 1, 2], np.uint8), 4)
    with pytest.raises(TraceError, match="w: no prefix code has the lengths"):
        decode_symbols(written, 4, np.full(4, 1, np.uint8), "w")
    with pytest.raises(TraceError, match="w: symbol 6 has no code of the table at bit 8"):
        decode_symbols(written, 7, lengths, "w")
    with pytest.raises(TraceError, match="w: 4 codes are 6 bits, not 2 bytes"):
        decode_symbols(np.append(written, np.uint8(0)), 4, lengths, "w")
    with pytest.raises(TraceError, match="w: 9000 codes do not fit in 1 bytes"):
        decode_symbols(written, 9000, lengths, "w")


def altered(stream: Stream, metadata: Any = None, payload: Any = None) -> Stream:
    return Stream(
        stream.metadata if metadata is None else np.asarray(metadata, np.uint8),
        stream.payload if payload is None else np.asarray(payload, np.int8),
    )


MATRIX = np.array([[1, 0], [0, 0], [2, 3], [4, 0]], np.int8)
REFUSED: dict[str, tuple[Any, Stream, str]] = {
    "run past the end": (RunLength(4), altered(RunLength(4).encode(MATRIX), metadata=[0xF0, 0xFF]), "entry 1 lies at element 16 of 8"),
    "runs of another length": (RunLength(4), altered(RunLength(4).encode(MATRIX), metadata=[1]), "4 runs are 2 bytes, not 1"),
    "too few entries": (RunLength(1), Stream(np.zeros(1, np.uint8), np.ones(2, np.int8)), "2 entries cannot tell the 8 elements"),
    "pointers back": (Absolute(), altered(Absolute().encode(MATRIX), metadata=[0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 4]), "the pointers go back at line 1"),
    "pointers past the values": (Absolute(), altered(Absolute().encode(MATRIX), payload=[1]), "pointers tell 4 entries, there are 1 values"),
    "index past the line": (Absolute(by_columns=True), altered(Absolute(by_columns=True).encode(MATRIX), metadata=[0, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0]), "entry 1 has index 0 in a line of 4"),
    "relative pointers back": (RelativeCSC(pointer_bits=8), altered(RelativeCSC(pointer_bits=8).encode(MATRIX), metadata=[0, 4, 3, 0, 0]), "the pointers of PE 0 go back at column 1"),
    "relative pointers wrong": (RelativeCSC(pointer_bits=8), altered(RelativeCSC(pointer_bits=8).encode(MATRIX), metadata=[0, 3, 3, 0, 0]), "pointers tell 3 entries, there are 4 values"),
    "relative index past": (RelativeCSC(pointer_bits=8), altered(RelativeCSC(pointer_bits=8).encode(MATRIX), metadata=[0, 3, 4, 0xF0, 0]), "entry 1 lies past the end of its column of 4 rows"),
    "block bits": (Block(2), altered(Block(2).encode(MATRIX), metadata=[0xFF]), "a bit past the last of 2 blocks is set"),
    "block values": (Block(2), altered(Block(2).encode(MATRIX), payload=[1]), "the blocks hold 8 values, there are 1"),
    "places": (NOfM(2, 4), Stream(np.array([0b01010101] * 2, np.uint8), np.ones(8, np.int8)), r"the places of group 0 are \[1, 1\]"),
    "a value past the line": (NOfM(2, 4), Stream(np.array([0b11100100, 0b11100100], np.uint8), np.ones(8, np.int8)), "a value stands past the end of a line of 2"),
}  # fmt: skip


@pytest.mark.small
@pytest.mark.parametrize("case", REFUSED)
def test_a_stream_that_no_tensor_encodes_to_is_refused_by_name_and_place(case: str) -> None:
    encoding, stream, message = REFUSED[case]
    with pytest.raises(TraceError, match=f"conv1: .*{message}"):
        encoding.decode(stream, MATRIX.shape, name="conv1")


@pytest.mark.small
@pytest.mark.parametrize("name", FORMATS)
def test_a_shape_of_terabytes_is_refused_before_it_is_allocated(name: str) -> None:
    with pytest.raises(TraceError, match=r"conv1: "):
        FORMATS[name].decode(
            Stream(np.zeros(4, np.uint8), np.zeros(3, np.int8)), (1 << 20, 1 << 20), name="conv1"
        )


@pytest.mark.small
@pytest.mark.parametrize("name", FORMATS)
@given(
    metadata=hnp.arrays(np.uint8, st.integers(0, 40)),
    payload=hnp.arrays(np.int8, st.integers(0, 20)),
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=6),
)
def test_any_bytes_give_a_tensor_of_the_shape_or_an_error_with_its_name(
    name: str, metadata: Any, payload: Any, shape: tuple[int, ...]
) -> None:
    try:
        decoded = FORMATS[name].decode(Stream(metadata, payload), shape, name="conv1")
    except TraceError as error:
        assert str(error).startswith("conv1: ")  # noqa: PT017 both ends are right
        return
    assert (decoded.shape, decoded.dtype) == (shape, payload.dtype)


@pytest.mark.small
@pytest.mark.parametrize("name", [name for name in FORMATS if name != "dense"])
@given(
    values=hnp.arrays(np.int8, (6, 8), elements=st.sampled_from([0, 0, 0, 9])),
    place=st.integers(0, 10**6),
    bit=st.integers(0, 7),
)
def test_one_flipped_bit_never_reaches_past_a_tensor(name: str, values: Any, place: int, bit: int) -> None:
    if isinstance(FORMATS[name], NOfM):
        values[:, 1:] = 0
    stream = FORMATS[name].encode(values)
    metadata = stream.metadata.copy()
    metadata[place % metadata.size] ^= 1 << bit
    try:
        decoded = FORMATS[name].decode(Stream(metadata, stream.payload), values.shape)
    except TraceError:
        return
    assert decoded.shape == values.shape


@pytest.mark.small
def test_sparser_tensors_are_never_larger_in_any_encoding_of_zeros() -> None:
    generator = np.random.default_rng(0)
    order = generator.permutation(64 * 64)
    for name in ("bitmask", "run_length5", "csr", "csc", "csc_relative4", "block4"):
        sizes = []
        for density in (0.05, 0.2, 0.5, 0.9):
            values = np.zeros(64 * 64, np.int8)
            values[order[: int(density * values.size)]] = 1
            sizes.append(FORMATS[name].size_bits(values.reshape(64, 64)))
        assert sizes == sorted(sizes), name
