from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.audit import outputs
from accelsim.audit.outputs import OutputCheck, check_outputs, compare_tensors
from accelsim.datapath.convolution import accumulators, accumulators_at
from accelsim.errors import AuditError, DatapathError
from accelsim.trace import from_arrays

POLICIES = list(product(("compute", "gate", "skip"), repeat=2))


def layer(seed=0, groups=1, channels=5, filters=4, size=6, **geometry):
    rng = np.random.default_rng(seed)
    weights = rng.integers(-128, 128, (filters, 3, 2, channels)).astype(np.int8)
    activations = rng.integers(0, 256, (2, size, size + 1, channels * groups)).astype(np.uint8)
    weights[rng.random(weights.shape) < 0.5] = 3
    activations[rng.random(activations.shape) < 0.5] = 17
    return from_arrays(
        weights,
        activations,
        name="conv",
        groups=groups,
        weight_zero_points=3,
        activation_zero_point=17,
        **geometry,
    )


def large(seed=0):
    trace = layer(seed, channels=64, filters=64, size=20, padding=1)
    assert trace.layer.dense_macs > 3_000_000
    return trace


geometries = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32),
        "groups": st.sampled_from((1, 2, 4)),
        "channels": st.sampled_from((1, 3, 66)),
        "stride": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "padding": st.tuples(*[st.integers(0, 2)] * 4),
        "dilation": st.tuples(st.integers(1, 2), st.integers(1, 2)),
    }
)


@settings(deadline=None, max_examples=60)
@given(geometries)
def test_the_two_plain_computations_agree_with_each_other(geometry):
    trace = layer(**geometry)
    every = np.array(list(np.ndindex(*trace.layer.output_shape)))
    assert np.array_equal(outputs._sums_at(trace, every), outputs._all_sums(trace).ravel())


@settings(deadline=None, max_examples=60)
@given(geometries, st.sampled_from(POLICIES))
def test_small_layers_are_checked_whole(geometry, policies):
    trace = layer(**geometry)
    total = int(np.prod(trace.layer.output_shape))
    assert check_outputs(trace, *policies) == OutputCheck(checked=total, total=total, whole=True, equal=total)


@pytest.mark.parametrize("policies", POLICIES)
def test_large_layers_are_sampled(policies):
    trace = large()
    total = int(np.prod(trace.layer.output_shape))
    check = check_outputs(trace, *policies, positions_limit=50)
    assert check == OutputCheck(checked=50, total=total, whole=False, equal=50)


@pytest.mark.small
def test_a_plain_sum_worked_by_hand():
    """Activations 1 0 / 2 3, weights 1 0 / 4 5, padding left 1: 5*2 = 10, then 1 + 8 + 15 = 24."""
    weights = np.array([[1, 0], [4, 5]], np.int8).reshape(1, 2, 2, 1)
    activations = np.array([[1, 0], [2, 3]], np.int8).reshape(1, 2, 2, 1)
    trace = from_arrays(weights, activations, padding=(0, 1, 0, 0))
    assert outputs._all_sums(trace).ravel().tolist() == [10, 24]
    assert outputs._sums_at(trace, np.array([[0, 0, 1, 0], [0, 0, 0, 0]])).tolist() == [24, 10]


@pytest.mark.small
def test_one_wrong_sum_of_a_small_layer_is_named_with_both_numbers(monkeypatch):
    def wrong(trace, *policies, **options):
        done = accumulators(trace, *policies, **options)
        done.values[0, 1, 2, 3] += 1
        return done

    trace = layer(size=4)
    right = int(accumulators(trace, "skip", "skip").values[0, 1, 2, 3])
    monkeypatch.setattr(outputs, "accumulators", wrong)
    with pytest.raises(
        AuditError,
        match=r"conv: the accumulator at \(n, p, q, k\) \(0, 1, 2, 3\) is "
        rf"{right + 1} in the datapath and {right} in plain numpy",
    ):
        check_outputs(trace, "skip", "skip")


def test_one_wrong_sum_in_the_sample_is_named(monkeypatch):
    def wrong(trace, positions, *policies, **options):
        done = accumulators_at(trace, positions, *policies, **options)
        done.values[7] -= 1
        return done

    trace = large()
    position = tuple(outputs._sample(trace, 50, 1)[7].tolist())
    monkeypatch.setattr(outputs, "accumulators_at", wrong)
    with pytest.raises(AuditError) as caught:
        check_outputs(trace, "skip", "skip", positions_limit=50, seed=1)
    assert f"(n, p, q, k) {position} is" in str(caught.value)


def test_samples_are_distinct_seeded_and_spread():
    trace = large()
    sample = outputs._sample(trace, 400, 5)
    assert np.array_equal(sample, outputs._sample(trace, 400, 5))
    assert not np.array_equal(sample, outputs._sample(trace, 400, 6))
    assert len(np.unique(sample, axis=0)) == 400
    assert (sample.max(axis=0) < trace.layer.output_shape).all()
    assert (np.ptp(sample, axis=0) > 0).all()


def test_long_windows_are_sampled_less_but_never_fewer_than_eight():
    rng = np.random.default_rng(0)
    weights = rng.integers(-128, 128, (40, 200_000)).astype(np.int8)
    trace = from_arrays(weights, rng.integers(-128, 128, (1, 200_000)).astype(np.int8))
    check = check_outputs(trace, "skip", "skip")
    assert (check.checked, check.total, check.whole) == (8, 40, False)


@pytest.mark.small
def test_an_overflow_of_the_chips_accumulator_is_reported():
    trace = replace(layer(size=4), weights=np.full((4, 3, 2, 5), 127, np.int8))
    with pytest.raises(DatapathError, match=r"conv: .* overflows 16 bits"):
        check_outputs(trace, "skip", "skip", accumulator_bits=16)


@pytest.mark.small
def test_tensors_are_compared_without_wrapping():
    ours, theirs = np.array([-128, 5, 0, 7], np.int8), np.array([127, 5, 0, 6], np.int8)
    assert compare_tensors(ours, theirs) == (0.5, 255)
    assert compare_tensors(ours, ours) == (1.0, 0)
    assert compare_tensors(np.array([0], np.uint8), np.array([255], np.uint8)) == (0.0, 255)


@pytest.mark.small
def test_tensors_of_other_shapes_are_not_compared():
    with pytest.raises(AuditError, match=r"cannot compare tensors of shapes \(2,\) and \(1,\)"):
        compare_tensors(np.zeros(2, np.int8), np.zeros(1, np.int8))
