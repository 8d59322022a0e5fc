"""A cache against the scratchpad: the same words, more bytes, and tags."""

from dataclasses import replace
from math import prod

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.hardware import load_hardware
from accelsim.kernels import cache as at
from accelsim.network import Layer
from accelsim.plan import whole
from accelsim.simulation import simulate
from accelsim.study.cache_study import Cache, cache_study
from accelsim.study.mapping import map_layers
from accelsim.study.stored_layer import cached_counts, stored_layer
from accelsim.trace import from_layers
from accelsim.zoo import synthetic_layer

SHAPE = Layer(
    name="conv",
    input_height=14,
    input_width=14,
    channels=96,
    filters=48,
    kernel=(3, 3),
    padding=(1, 1, 1, 1),
)
LAYER = synthetic_layer(SHAPE, 0.4, 0.5)


def chip(name="dense-16x16", *changes):
    return load_hardware(name, [*changes])


@pytest.mark.parametrize("name", ["dense-16x16", "both-skip-16x16", "activation-skip-16x16"])
def test_the_cache_is_asked_for_the_words_that_the_array_reads(name):
    """The dataflow counts the words of each chunk sent; the walk touches the same chunks."""
    on = chip(name)
    plan = replace(whole(SHAPE), tile_k=32, tile_p=5)  # all channels: no partial sums are read
    result = simulate(LAYER, on, plans={"conv": plan}).layer_results[0]
    counts = cached_counts(stored_layer(LAYER, on), plan, on, line_bytes=64, ways=8, sets=64)
    reads = result.totals["weight_scratchpad_reads"] + result.totals["activation_scratchpad_reads"]
    assert counts[at.READ_WORDS] == reads


@pytest.mark.parametrize("name", ["dense-16x16", "both-skip-16x16"])
def test_a_cache_that_holds_the_layer_moves_it_once(name):
    on = chip(name)
    stored = stored_layer(LAYER, on)
    counts = cached_counts(stored, whole(SHAPE), on, line_bytes=64, ways=1, sets=2**15)
    lines = sum(
        len({line for first, size in zip(*tensor.reshape(2, -1), strict=True) if size
             for line in range(first // 64, (first + size - 1) // 64 + 1)})
        for tensor in (stored.weights, stored.activations, stored.outputs)
    )  # fmt: skip
    assert counts[at.READ_MISSES] + counts[at.WRITE_MISSES] == counts[at.DISTINCT_LINES] == lines


def test_an_untiled_loop_thrashes_a_small_cache_and_a_tiled_one_does_not():
    """75 kB of activations are read again for each of three blocks of filters; four rows of them stay.

    Untiled (41 + 3 x 75) kB are read of 154 kB that are touched: 1.73.
    """
    on = chip("dense-16x16", "scratchpad.capacity_bytes=65536")
    large = synthetic_layer(replace(SHAPE, input_height=28, input_width=28), 0.4, 0.5)
    by_rows = replace(whole(large.layer), tile_p=4)
    counted = [
        cached_counts(stored_layer(large, on), plan, on, line_bytes=64, ways=8, sets=128)
        for plan in (by_rows, whole(large.layer))
    ]
    tiled, untiled = (int(counts[at.READ_MISSES]) / int(counts[at.DISTINCT_LINES]) for counts in counted)
    assert tiled < 1.5  # halo rows, and lines that outputs took
    assert untiled == pytest.approx(1.73, abs=0.02)


def test_the_table_has_the_scratchpad_first_and_every_order_behind_it():
    table = cache_study(from_layers("net", [LAYER]), ["conv"], chip(), [Cache(), Cache(prefetch=True)]).table
    assert table["memory"].tolist() == ["scratchpad"] + ["cache"] * 6
    assert table["order"].tolist() == ["tiled"] * 3 + ["half tiled"] * 2 + ["untiled"] * 2
    assert (table["distinct_bytes"].dropna() <= table["dram_bytes"].iloc[1:]).all()
    assert table["dram_over_scratchpad"].iloc[0] == 1


def test_tags_cost_energy_at_every_word_and_a_scratchpad_has_none():
    table = cache_study(from_layers("net", [LAYER]), ["conv"], chip(), [Cache(), Cache(ways=2)]).table
    assert table["tag_pj"].iloc[0] == 0
    tiled = table[(table["order"] == "tiled") & (table["memory"] == "cache")]
    eight, two = tiled["tag_pj"]
    assert eight > two > 0  # more ways, more tags to read and a longer order to keep
    np.testing.assert_allclose(table["memory_pj"], table[["dram_pj", "data_pj", "tag_pj"]].sum(axis=1))


@pytest.mark.small
def test_tag_bits_worked_by_hand():
    """512 KiB, 64-byte lines, 8 ways: 1024 sets. 32 - 6 - 10 = 16 tag bits, 2 of state; log2(8!) = 15.3.

    A set has 8 x 18 + 16 = 160 bits beside its 4096 of data: 3.9 %.
    """
    on = chip()
    assert Cache().sets(on) == 1024
    assert Cache().line_tag_bits(on) == 18
    assert Cache().set_bits(on) == 160
    assert Cache(replacement="random").set_bits(on) == 144
    assert Cache(ways=1).order_bits == 0


@pytest.mark.small
@pytest.mark.parametrize(
    ("cache", "words"),
    [
        (
            Cache(line_bytes=48),
            "a line must be a power of two and whole words of 16 bytes up to 4096, not 48",
        ),
        (Cache(line_bytes=8), "whole words of 16 bytes up to 4096, not 8"),
        (Cache(ways=0), "ways must be at least 1 and fit 524288 bytes in lines of 64, not 0"),
        (Cache(ways=10**5), "not 100000"),
        (Cache(replacement="fifo"), "replacement must be one of lru, random, not 'fifo'"),
    ],
)
def test_a_cache_that_cannot_be_built_is_refused(cache, words):
    with pytest.raises(InputError, match=words):
        cache.sets(chip())


@pytest.mark.small
def test_what_a_cache_cannot_follow_is_refused():
    grouped = synthetic_layer(replace(SHAPE, groups=2), 0.5, 0.5)
    with pytest.raises(InputError, match="conv: a cache is studied for layers of one group, not 2"):
        stored_layer(grouped, chip())
    with pytest.raises(InputError, match="tpu-v1: a cache needs an inner_join array"):
        stored_layer(LAYER, chip("tpu-v1"))
    with pytest.raises(InputError, match="arm-ml-4tops: a cache holds what DRAM holds"):
        stored_layer(LAYER, chip("arm-ml-4tops"))
    assert prod(SHAPE.weight_shape) == stored_layer(LAYER, chip()).weights[1].sum()


def dear_pins(folder, *changes):
    """A chip whose DRAM pays 1000 pJ for each bit at its pins."""
    columns = "component,action,unit,size_bytes,width_bits,node_nm,voltage_v,pj,low_pj,high_pj,cell_type,group,source,note"
    row = "lpddr4_3200,io,bit,,,,1.1,1000,1000,1000,,,a test,"
    (folder / "pins.csv").write_text(f"{columns}\n{row}\n")
    return chip("dense-16x16", f"energy.overlay={folder / 'pins.csv'}", *changes)


def test_scratchpad_and_cache_pay_their_dram_the_same_prices(tmp_path):
    """Core, pins and rows of what they move; the user's own row reaches both."""
    table = cache_study(from_layers("net", [LAYER]), ["conv"], dear_pins(tmp_path), [Cache()]).table
    pins = 8 * 1000 * table["dram_bytes"]
    assert (table["dram_pj"] > pins).all()
    np.testing.assert_allclose(table["dram_pj"], pins, rtol=0.02)


def test_the_users_own_row_reaches_the_plans_of_map(tmp_path):
    trace = from_layers("net", [LAYER])
    (plain,), (dear,) = (map_layers(trace, on, objective="dram") for on in (chip(), dear_pins(tmp_path)))
    assert dear.best.dram_bytes == plain.best.dram_bytes
    assert dear.best.energy_pj - plain.best.energy_pj == pytest.approx(8 * 996.8 * plain.best.dram_bytes)
