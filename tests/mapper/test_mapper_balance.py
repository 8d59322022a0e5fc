"""Filters in the order of their non-zero weights: the same layer, fewer waits."""

import numpy as np

import accelsim
from accelsim.mapper.balance import balanced, balanced_order
from accelsim.trace import LayerTrace, from_arrays


def uneven(groups: int = 1) -> LayerTrace:
    """Every other filter has few weights."""
    generator = np.random.default_rng(3)
    kept = np.where(np.arange(64) % 2, 0.05, 0.9)[:, None, None, None]
    weights = generator.integers(1, 9, (64, 3, 3, 64 // groups)) * (
        generator.random((64, 3, 3, 64 // groups)) < kept
    )
    activations = generator.integers(0, 2, (1, 10, 10, 64)).astype(np.uint8)
    return from_arrays(weights.astype(np.int8), activations, groups=groups, bias=np.arange(64))


def test_filters_fall_within_their_group() -> None:
    trace = uneven(groups=2)
    order = balanced_order(trace)
    counts = np.count_nonzero(trace.weights, axis=(1, 2, 3))[order].reshape(2, 32)
    assert (np.diff(counts, axis=1) <= 0).all()
    assert sorted(order[:32]) == list(range(32))
    assert balanced(trace).bias is not None
    assert (balanced(trace).bias == order).all()


def test_the_same_work_is_done_in_fewer_cycles() -> None:
    plain = accelsim.simulate(uneven(), "sparten-32x32")
    better = accelsim.simulate(uneven(), "sparten-32x32", balance_filters=True)
    assert better.total("effectual_macs") == plain.total("effectual_macs")
    assert better.total("compute_cycles") < 0.8 * plain.total("compute_cycles")
    assert "filters" in better.provenance
    assert "filters" not in plain.provenance
