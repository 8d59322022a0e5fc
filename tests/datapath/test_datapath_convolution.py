from itertools import product

import numpy as np
import pytest
from drawn_layers import plain, traces
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.datapath.convolution import accumulators, accumulators_at
from accelsim.errors import DatapathError, TraceError
from accelsim.trace import from_arrays

POLICIES = list(product(("compute", "gate", "skip"), repeat=2))


def done_pairs(pairs, weight_policy, activation_policy):
    drops = weight_policy != "compute", activation_policy != "compute"
    return pairs[
        {(False, False): "all", (True, False): "weight", (False, True): "activation", (True, True): "both"}[
            drops
        ]
    ]


@settings(deadline=None, max_examples=60)
@given(traces())
def test_accumulators_are_those_of_plain_loops_under_every_policy(trace):
    sums, _ = plain(trace)
    for policies in POLICIES:
        ours = accumulators(trace, *policies).values
        assert ours.dtype == np.int32
        assert np.array_equal(ours, sums), policies


@settings(deadline=None, max_examples=60)
@given(traces())
def test_only_the_done_pairs_are_multiplied(trace):
    _, pairs = plain(trace)
    for policies in POLICIES:
        assert accumulators(trace, *policies).multiplications == done_pairs(pairs, *policies), policies


@settings(deadline=None, max_examples=60)
@given(traces(), st.sampled_from(POLICIES), st.integers(0, 2**32))
def test_sampled_positions_agree_with_the_whole_layer(trace, policies, seed):
    whole = accumulators(trace, *policies)
    every = np.array(list(np.ndindex(*trace.layer.output_shape)))
    at = accumulators_at(trace, every, *policies)
    assert np.array_equal(at.values, whole.values.ravel())
    assert at.multiplications == whole.multiplications
    some = np.random.default_rng(seed).permutation(every)[:3]
    assert np.array_equal(accumulators_at(trace, some, *policies).values, whole.values[tuple(some.T)])


def test_more_positions_than_one_block_are_all_computed():
    rng = np.random.default_rng(3)
    trace = from_arrays(
        rng.integers(-128, 128, (8, 3, 3, 5)).astype(np.int8),
        rng.integers(-128, 128, (1, 20, 20, 5)).astype(np.int8),
        padding=1,
    )
    every = np.array(list(np.ndindex(*trace.layer.output_shape)))
    assert len(every) > 1024
    whole = accumulators(trace, "skip", "compute")
    at = accumulators_at(trace, every, "skip", "compute")
    assert np.array_equal(at.values, whole.values.ravel())
    assert at.multiplications == whole.multiplications


@pytest.mark.parametrize("threads", [2, 3, 50])
def test_threads_change_nothing(threads):
    rng = np.random.default_rng(4)
    trace = from_arrays(
        rng.integers(-128, 128, (6, 3, 3, 70)).astype(np.int8),
        rng.integers(0, 256, (2, 7, 7, 70)).astype(np.uint8),
        padding=1,
        activation_zero_point=9,
    )
    one, many = accumulators(trace, "skip", "skip"), accumulators(trace, "skip", "skip", threads=threads)
    assert np.array_equal(one.values, many.values)
    assert one.multiplications == many.multiplications


@pytest.mark.small
def test_a_convolution_worked_by_hand():
    """Activations 1 0 / 2 3, weights 1 0 / 4 5, padding left 1.

    q = 0 sees . 1 / . 2 (the dot is padding): 0*1 + 5*2 = 10; q = 1 sees 1 0 / 2 3: 1 + 8 + 15 = 24.
    """
    weights = np.array([[1, 0], [4, 5]], np.int8).reshape(1, 2, 2, 1)
    activations = np.array([[1, 0], [2, 3]], np.int8).reshape(1, 2, 2, 1)
    trace = from_arrays(weights, activations, padding=(0, 1, 0, 0))
    counts = {}
    for policies in POLICIES:
        done = accumulators(trace, *policies)
        assert done.values.ravel().tolist() == [10, 24]
        counts[policies] = done.multiplications
    assert counts["compute", "compute"] == 8
    assert counts["skip", "compute"] == counts["gate", "compute"] == 6
    assert counts["compute", "skip"] == counts["compute", "gate"] == 5
    # q = 0: 5*2; q = 1: 1*1, 4*2, 5*3
    assert {counts[w, a] for w in ("gate", "skip") for a in ("gate", "skip")} == {4}


@pytest.mark.small
def test_padding_is_the_zero_point_not_zero():
    trace = from_arrays(
        np.ones((1, 3, 3, 1), np.int8), np.full((1, 1, 1, 1), 7, np.uint8), padding=1, activation_zero_point=5
    )
    for policies in POLICIES:
        assert accumulators(trace, *policies).values.item() == 2


@pytest.mark.small
def test_depthwise_filters_see_only_their_channel():
    weights = np.array([1, 10, 100], np.int8).reshape(3, 1, 1, 1)
    activations = np.array([1, 2, 3], np.int8).reshape(1, 1, 1, 3)
    trace = from_arrays(weights, activations, groups=3)
    assert accumulators(trace, "skip", "skip").values.ravel().tolist() == [1, 20, 300]


@pytest.mark.small
def test_transposed_and_read_only_tensors_give_the_same_sums():
    rng = np.random.default_rng(5)
    weights = rng.integers(-128, 128, (3, 5, 2, 2)).astype(np.int8).transpose(0, 2, 3, 1)
    activations = rng.integers(-128, 128, (1, 5, 4, 4)).astype(np.int8).transpose(0, 2, 3, 1)
    expected = accumulators(from_arrays(weights.copy(), activations.copy()), "skip", "skip").values
    fixed = weights.copy(), activations.copy()
    for tensor in fixed:
        tensor.setflags(write=False)
    for trace in (from_arrays(weights, activations), from_arrays(*fixed)):
        assert np.array_equal(accumulators(trace, "skip", "skip").values, expected)
        every = np.array(list(np.ndindex(*trace.layer.output_shape)))
        assert np.array_equal(accumulators_at(trace, every, "gate", "skip").values, expected.ravel())


def large_sums(channels, sign):
    weights = np.full((2, channels), 0, np.int8)
    weights[1] = -128
    activations = np.full((1, channels), -128 if sign > 0 else 127, np.int8)
    return from_arrays(weights, activations, name="large")


@pytest.mark.small
def test_a_sum_that_just_fits_passes_and_the_next_is_refused():
    # 2 * (-128 * -128) = 2^15, one too many for 16 bits; 2 * (-128 * 127) = -32512 fits.
    assert accumulators(large_sums(2, -1), "skip", "skip", accumulator_bits=16).values.min() == -32512
    with pytest.raises(DatapathError, match=r"large: .*\(0, 0, 0, 1\) overflows 16 bits with 32768"):
        accumulators(large_sums(2, 1), "skip", "skip", accumulator_bits=16)
    with pytest.raises(DatapathError, match=r"large: .*\(0, 0, 0, 1\) overflows 16 bits with 32768"):
        accumulators_at(large_sums(2, 1), np.array([[0, 0, 0, 1]]), "skip", "skip", accumulator_bits=16)


def test_int32_overflow_is_refused_not_wrapped():
    # 2^17 products of 2^14 are 2^31.
    with pytest.raises(DatapathError, match="overflows 32 bits with 2147483648"):
        accumulators(large_sums(1 << 17, 1), "skip", "skip")
    with pytest.raises(DatapathError, match="overflows 32 bits with 2147483648"):
        accumulators(large_sums(1 << 17, 1), "skip", "skip", accumulator_bits=48)
    assert accumulators(large_sums((1 << 17) - 1, 1), "skip", "skip").values.max() == 2**31 - 2**14


@pytest.mark.small
def test_positions_outside_the_output_are_refused():
    trace = from_arrays(np.ones((2, 3), np.int8), np.ones((1, 3), np.int8), name="fc")
    with pytest.raises(DatapathError, match=r"fc: position \(n, p, q, k\) \(0, 0, 0, 2\) is outside"):
        accumulators_at(trace, np.array([[0, 0, 0, 2]]), "skip", "skip")
    with pytest.raises(DatapathError, match=r"fc: positions must have shape \[M, 4\], not \(4,\)"):
        accumulators_at(trace, np.array([0, 0, 0, 1]), "skip", "skip")
    assert accumulators_at(trace, np.empty((0, 4), np.int64), "skip", "skip").values.size == 0


@pytest.mark.small
def test_a_zero_point_that_no_byte_holds_is_refused():
    one = np.ones((1, 1), np.int8)
    with pytest.raises(TraceError, match="fc: weight_zero_points must be a value of int8, not 128"):
        from_arrays(one, one, name="fc", weight_zero_points=128)
    with pytest.raises(TraceError, match="fc: activation_zero_point must be a value of uint8, not -1"):
        from_arrays(one, one.astype(np.uint8), name="fc", activation_zero_point=-1)
