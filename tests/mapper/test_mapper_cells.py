"""Weights in cells, shared values and narrow bits: what is refused, and what the totals are."""

from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import accelsim
from accelsim.errors import InputError, PlanError, TraceError
from accelsim.formats import FORMATS
from accelsim.hardware import Accelerator, load_hardware
from accelsim.mapper.cells import cell_filters, in_dram
from accelsim.mapper.encoded import encoded_sizes
from accelsim.network import Layer
from accelsim.plan import Plan
from accelsim.trace import LayerTrace, from_arrays

pytestmark = pytest.mark.small
POINTER_BYTES = 4


def chip(*overrides: str) -> Accelerator:
    return load_hardware("both-skip-16x16", [f"encodings.{override}" for override in overrides])


def layer_of(weights: list[int] | np.ndarray, filters: int) -> LayerTrace:
    array = np.array(weights, np.int8).reshape(filters, 1, 1, -1)
    return from_arrays(array, np.ones((1, 1, 1, array.shape[3]), np.uint8), name="fc1")


def dram_bytes(trace: LayerTrace, hardware: Accelerator) -> int:
    sizes = encoded_sizes(trace, hardware, np.ones(trace.layer.output_shape, np.bool_))
    return int(sizes.weights[-1, -1])


@pytest.mark.parametrize("name", [n for n in FORMATS if n not in ("dense", "bitmask", "huffman_run_length5")])
def test_a_layer_of_one_cell_has_the_bytes_of_its_format(name: str) -> None:
    generator = np.random.default_rng(1)
    weights = generator.integers(1, 9, (8, 1, 1, 64)) * (np.arange(64) % 4 < 1)
    trace = layer_of(weights, 8)
    length = 0 if name.startswith("n") else POINTER_BYTES
    assert (
        dram_bytes(trace, chip(f"dram_weights={name}"))
        == length + FORMATS[name].size_bits(trace.weights) // 8
    )
    assert dram_bytes(trace, chip(f"dram_weights={name}", "dram_weight_bits=5")) == length + ceil(
        FORMATS[name].size_bits(trace.weights, bits=5) / 8
    )


@given(st.lists(st.integers(-3, 3), min_size=8, max_size=64).filter(lambda x: len(x) % 8 == 0))
def test_huffman_coded_cells_have_the_coded_bytes_of_the_format(values: list[int]) -> None:
    trace = layer_of(values, 8)
    stream = FORMATS["huffman_run_length5"].encode(trace.weights)
    head = 1 + 8 + 32 + 256  # what the format stores ahead of the coded runs
    coded = stream.metadata.size - head + stream.payload.size
    assert dram_bytes(trace, chip("dram_weights=huffman_run_length5")) == coded + POINTER_BYTES


def test_cells_come_8_filters_or_one_column_of_64() -> None:
    chip = load_hardware("both-skip-16x16")
    assert {cell_filters(name, chip) for name in FORMATS} == {1, 8, 64}
    assert [name for name in FORMATS if cell_filters(name, chip) == 64] == ["csc", "csc_relative4"]


def test_decoding_tables_are_fetched_once_and_are_metadata() -> None:
    generator = np.random.default_rng(2)
    weights = generator.choice([-7, 0, 0, 3], (32, 1, 1, 128))
    plan = Plan(tile_n=1, tile_k=8, tile_c=64, tile_p=1, tile_q=1)
    found = {}
    for name, overrides, tables in (
        ("huffman", ["dram_weights=huffman_run_length5"], 32 + 256),
        ("shared", ["dram_weight_bits=4", "dram_weight_codebook=true"], 16),
        (
            "both",
            ["dram_weights=huffman_run_length5", "dram_weight_bits=4", "dram_weight_codebook=true"],
            16 + 32 + 17,
        ),
    ):
        hardware = chip(*overrides)
        assert in_dram(Layer(name="x", channels=8, filters=8), hardware).table_bytes == tables
        result = accelsim.simulate(
            layer_of(weights, 32), hardware, plans={"fc1": plan}, toggles="off"
        ).layer_results[0]
        assert result.work is not None
        cells = dram_bytes(layer_of(weights, 32), hardware)
        pointers = 32 * POINTER_BYTES * 2 if name == "shared" else 0  # of a bitmask, per filter and tile
        assert result.totals["weight_fetch_bytes"] == cells + pointers + tables
        rest = result.work["metadata_fetch_bytes"][1:]
        assert result.work["metadata_fetch_bytes"][0] >= tables
        assert rest.max() < tables + result.work["metadata_fetch_bytes"][0]
        found[name] = result.totals["weight_fill_bytes"]
    assert len(set(found.values())) == 1  # the scratchpad holds the same, however it came


def test_what_the_array_counts_does_not_depend_on_what_dram_holds() -> None:
    trace = layer_of(np.random.default_rng(3).choice([-7, 0, 0, 3], (32, 1, 1, 128)), 32)
    plain, coded = (
        accelsim.simulate(trace, hardware, toggles="off").layer_results[0].totals
        for hardware in (chip(), chip("dram_weights=huffman_run_length5", "dram_activations=run_length4"))
    )
    assert plain["weight_fetch_bytes"] > coded["weight_fetch_bytes"]
    for counter in ("done_macs", "weight_scratchpad_read_bytes", "weight_fill_bytes", "output_write_bytes"):
        assert plain[counter] == coded[counter]


@pytest.mark.parametrize(
    ("weights", "overrides", "message"),
    [
        ([-8, 7] * 32, ["dram_weight_bits=3"], "fc1: weights are -8 to 7 above .* 3 bits hold -4 to 3 "),
        (
            list(range(1, 33)) * 2,
            ["dram_weight_bits=4", "dram_weight_codebook=true"],
            "fc1: 32 different weights are stored as bitmask; a codebook of 4 bits has 16 ",
        ),
        (
            list(range(16)) * 4,
            ["dram_weight_bits=4", "dram_weight_codebook=true", "dram_weights=run_length4"],
            None,
        ),
        (
            list(range(17)) * 8,
            ["dram_weight_bits=4", "dram_weight_codebook=true", "dram_weights=run_length4"],
            "fc1: 17 different weights are stored as run_length4",
        ),
        (
            list(range(17)) * 8,
            ["dram_weight_bits=4", "dram_weight_codebook=true"],
            None,
        ),  # no mask stores a 0
    ],
)
def test_weights_that_do_not_fit_in_dram_are_refused(
    weights: list[int], overrides: list[str], message: str | None
) -> None:
    trace = layer_of(weights, 8)
    if message is None:
        accelsim.simulate(trace, chip(*overrides), toggles="off")
        return
    with pytest.raises(InputError, match=message):
        accelsim.simulate(trace, chip(*overrides), toggles="off")


def test_more_than_n_of_m_are_refused_with_the_layers_name() -> None:
    with pytest.raises(TraceError, match="fc1: weights: group 0 of 4 has 4 values, more than 2"):
        accelsim.simulate(layer_of([1] * 64, 8), chip("dram_weights=n2_m4"), toggles="off")


def test_a_plan_that_cuts_a_cell_is_refused() -> None:
    plan = Plan(tile_n=1, tile_k=8, tile_c=64, tile_p=1, tile_q=1)
    trace = layer_of([1] * 64 * 128, 128)
    for overrides, block in ((["dram_weights=csc"], 64), (["dram_outputs=run_length4"], 64)):
        with pytest.raises(
            PlanError, match=f"fc1: tile_k must be all filters or a multiple of {block}, not 8"
        ):
            accelsim.simulate(trace, chip(*overrides), plans={"fc1": plan}, toggles="off")


def test_a_codebook_needs_its_bits() -> None:
    with pytest.raises(
        InputError, match=r"encodings\.dram_weight_bits must be given where dram_weight_codebook"
    ):
        chip("dram_weight_codebook=true")


def test_a_product_of_activations_is_stored_as_in_the_scratchpad() -> None:
    hardware = chip("dram_weights=csr", "dram_weight_bits=4", "dram_weight_codebook=true")
    product = Layer(name="scores", kind="matrix_product", channels=8, filters=8)
    assert in_dram(product, hardware)[:1] == ("bitmask",)
    assert in_dram(product, hardware).weight_bits == 8
    assert in_dram(product, hardware).table_bytes == 0
