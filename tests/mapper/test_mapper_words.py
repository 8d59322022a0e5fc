"""Plans in words against every plan tried one by one, and against what a machine of one-byte words moves."""

from itertools import combinations, permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans_by_hand import all_sizes

from accelsim.errors import PlanError
from accelsim.hardware import load_hardware
from accelsim.mapper.encoded import encoded_sizes
from accelsim.mapper.traffic import plan_traffic
from accelsim.mapper.words import least_words, words_once
from accelsim.network import Layer
from accelsim.plan import LOOPS, Plan, loop_extents, tile_boxes
from accelsim.tables import TRAFFIC
from accelsim.trace import LayerTrace

OPERANDS = ("weights", "activations", "outputs")
# Dense, one byte an operand, no rounding: bytes of a machine are words, partial sums apart.
BYTES = load_hardware(
    "dense-16x16",
    [
        "pe_array.chunk_elements=8",
        "dram.burst_bytes=1",
        "pe_array.accumulator_bits=16",
        *(f"encodings.{operand}=dense" for operand in OPERANDS),
    ],
)


def dense(layer: Layer) -> LayerTrace:
    return LayerTrace(
        layer=layer,
        weights=np.ones(layer.weight_shape, np.int8),
        activations=np.ones(layer.activation_shape, np.uint8),
        weight_zero_points=np.zeros(layer.filters, np.int32),
        weight_scales=np.ones(layer.filters, np.float32),
    )


def walked_words(plan: Plan, layer: Layer) -> tuple[int, int]:
    """(words moved, words of the largest tiles together or of the fullest moment), by the machine's own traffic."""
    trace = dense(layer)
    sizes = encoded_sizes(trace, BYTES, np.ones(layer.output_shape, np.bool_), plan.tile_k)
    boxes = tile_boxes(plan, layer)
    traffic, _ = plan_traffic(plan, boxes, layer, BYTES, sizes)
    total = {name: int(traffic[:, i].sum()) for i, name in enumerate(TRAFFIC)}
    moved = total["weight_fetch_bytes"] + total["activation_fetch_bytes"] + total["output_drain_bytes"]
    moved += (total["partial_sum_fetch_bytes"] + total["partial_sum_drain_bytes"]) // 2  # of 16 bits
    column = {name: traffic[:, i] for i, name in enumerate(TRAFFIC)}
    outputs = column["reserve_bytes"] - column["weight_fill_bytes"] - column["activation_fill_bytes"]
    if plan.tile_c < layer.channels:
        outputs, released = outputs // 2, column["release_after_drain_bytes"] // 2
    else:
        released = column["release_after_drain_bytes"]
    held = most = 0
    for t in range(len(boxes)):
        held += int(column["weight_fill_bytes"][t] + column["activation_fill_bytes"][t] + outputs[t])
        most = max(most, held)
        held -= int(column["release_after_compute_bytes"][t] + released[t])
    return moved, most


@st.composite
def small_layers(draw: st.DrawFn) -> Layer:
    taps, stride = draw(st.sampled_from([(1, 1), (1, 2), (3, 1), (3, 2)]))
    return Layer(
        name="conv1",
        kernel=(taps, taps),
        stride=(stride, stride),
        padding=(taps // 2,) * 4,
        channels=draw(st.sampled_from([5, 8, 16, 24])),
        filters=draw(st.integers(1, 6)),
        input_height=draw(st.integers(3, 6)),
        input_width=draw(st.integers(3, 6)),
    )


def every_plan(layer: Layer) -> list[Plan]:
    extents = loop_extents(layer)
    sizes = [all_sizes(extents[letter], 8 if letter == "C" else 1) for letter in LOOPS]
    found = []
    for tile in product(*sizes):
        cut = [letter for letter, size in zip(LOOPS, tile, strict=True) if size < extents[letter]]
        rest = "".join(letter for letter in LOOPS if letter not in cut)
        for order, count in product(permutations(cut), range(4)):
            for kept in combinations(OPERANDS, count):
                named = {f"tile_{letter.lower()}": size for letter, size in zip(LOOPS, tile, strict=True)}
                found.append(Plan(**named, order=rest + "".join(order), resident=frozenset(kept)))  # type: ignore[arg-type]
    return found


@settings(max_examples=6, deadline=None)
@given(layer=small_layers(), share=st.sampled_from([0.15, 0.3, 0.6, 0.9]))
def test_no_plan_that_the_machine_walks_moves_fewer_words(layer: Layer, share: float) -> None:
    """But for plans whose operands are largest at different times: they fit a little more here."""
    buffer = int(share * words_once(layer)) + 1
    try:
        words, plan = least_words(layer, buffer, channel_quantum=8)
    except PlanError:
        return
    assert walked_words(plan, layer)[0] == words
    assert walked_words(plan, layer)[1] <= buffer
    every = [walked_words(other, layer) for other in every_plan(layer) if not other.resident]
    assert words <= min((moved for moved, held in every if held <= buffer), default=words)
    roomy = 2 * words_once(layer)
    assert least_words(layer, roomy, channel_quantum=8)[0] == min(moved for moved, _ in every)


@pytest.mark.parametrize("stride", [1, 2])
def test_what_fits_whole_moves_every_word_once(stride: int) -> None:
    layer = Layer(
        name="c", kernel=(3, 3), stride=(stride, stride), channels=4, filters=3, input_height=9, input_width=9
    )
    assert words_once(layer) == 3 * 4 * 9 + 4 * 81 + 3 * ((9 - 3) // stride + 1) ** 2
    assert least_words(layer, 1000)[0] == words_once(layer)


def test_twice_the_buffer_never_moves_more_words() -> None:
    layer = Layer(name="c", kernel=(3, 3), channels=40, filters=30, input_height=20, input_width=20)
    moved = [least_words(layer, 100 * 2**i)[0] for i in range(10)]
    assert moved == sorted(moved, reverse=True)
    assert moved[-1] == words_once(layer) < moved[0]


def test_a_buffer_of_too_few_words_is_refused() -> None:
    layer = Layer(name="c1", kernel=(3, 3), channels=4, filters=3, input_height=9, input_width=9)
    assert least_words(layer, 19)[0] > 0  # one weight plane, its window, one sum
    with pytest.raises(PlanError, match="c1: no plan fits a buffer of 18 words"):
        least_words(layer, 18)
    with pytest.raises(PlanError, match="without groups"):
        least_words(Layer(name="d", channels=4, filters=4, groups=2), 100)
