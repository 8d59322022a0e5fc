"""Masks, matching and lanes against plain Python."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from accelsim.kernels.masks import count_masks, pack_masks
from accelsim.kernels.matching import COMPUTE, GATE, SKIP, fixed_lanes, match, pooled_updates, pooled_work

POLICIES = st.sampled_from([COMPUTE, GATE, SKIP])


def words_of(bits: list[bool], words: int) -> list[int]:
    return [sum(bit << i for i, bit in enumerate(bits[64 * w : 64 * w + 64])) for w in range(words)]


@pytest.mark.small
@given(
    values=hnp.arrays(
        np.uint8, st.tuples(st.integers(1, 4), st.integers(1, 150)), elements=st.integers(0, 2)
    ),
    chunk=st.sampled_from([8, 32, 64, 128]),
    data=st.data(),
)
def test_a_mask_has_a_bit_per_element_that_is_no_zero(values: Any, chunk: int, data: st.DataObject) -> None:
    zeros = data.draw(hnp.arrays(np.int32, values.shape[:1], elements=st.integers(0, 2)))
    masks = pack_masks(values, zeros, chunk)
    words = (chunk + 63) // 64
    for row, zero in enumerate(zeros):
        for c in range(masks.shape[1]):
            part = values[row, c * chunk : (c + 1) * chunk]
            assert masks[row, c].tolist() == words_of([bool(v != zero) for v in part], words)
            assert count_masks(masks)[row, c] == (part != zero).sum()


@pytest.mark.small
@given(
    data=st.data(),
    elements=st.integers(1, 130),
    groups=st.integers(1, 3),
    group_rows=st.integers(1, 3),
    columns=st.integers(1, 4),
)
def test_matching_counts_pairs_with_both_bits(
    data: st.DataObject, elements: int, groups: int, group_rows: int, columns: int
) -> None:
    rows = groups * group_rows
    w = data.draw(hnp.arrays(np.bool_, (rows, elements)))
    a = data.draw(hnp.arrays(np.bool_, (groups, columns, elements)))
    words = (elements + 63) // 64
    row_masks = np.array([words_of(line.tolist(), words) for line in w], np.uint64).T.copy()
    packed = [[words_of(line.tolist(), words) for line in group] for group in a]
    column_masks = np.array(packed, np.uint64).transpose(2, 0, 1).copy()
    matched = np.zeros((rows, columns), np.int64)
    total = match(rows, columns, group_rows, row_masks, column_masks, matched)
    expected = [w[i].astype(int) @ a[i // group_rows].astype(int).T for i in range(rows)]
    np.testing.assert_array_equal(matched, expected)
    assert total == matched.sum()


@pytest.mark.small
@given(
    slots=hnp.arrays(
        np.int64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=5), elements=st.integers(0, 200)
    ),
    lanes=st.integers(1, 9),
)
def test_pooled_lanes_share_the_slots_of_a_step(slots: Any, lanes: int) -> None:
    work = np.zeros_like(slots)
    cycles, empty = pooled_work(*slots.shape, lanes, slots, work)
    expected = -(-slots // lanes)
    np.testing.assert_array_equal(work, np.maximum(expected, 1))
    assert (cycles, empty) == (expected.sum(), (slots == 0).sum())


def policies_of(w: bool, a: bool, policy_w: int, policy_a: int) -> tuple[bool, bool]:
    """(takes a slot, multiplies) of one pair."""
    skipped = (policy_w == SKIP and not w) or (policy_a == SKIP and not a)
    gated = (policy_w == GATE and not w) or (policy_a == GATE and not a)
    return not skipped, not skipped and not gated


@pytest.mark.small
@given(
    data=st.data(),
    elements=st.integers(1, 130),
    lanes=st.integers(1, 8),
    policy_w=POLICIES,
    policy_a=POLICIES,
)
def test_lanes_take_their_pairs_in_ascending_order(
    data: st.DataObject, elements: int, lanes: int, policy_w: int, policy_a: int
) -> None:
    w, a = (data.draw(hnp.arrays(np.bool_, elements)).tolist() for _ in range(2))
    words = (elements + 63) // 64
    row, column = (np.array([words_of(bits, words)], np.uint64).T.copy() for bits in (w, a))
    column = column[:, None]  # of one group
    taken = [(i, *policies_of(w[i], a[i], policy_w, policy_a)) for i in range(elements)]
    pairs = [(i, done) for i, slot, done in taken if slot]

    pooled = {index // lanes for index, (_, done) in enumerate(pairs) if done}
    assert pooled_updates(0, 0, 0, lanes, elements, row, column, policy_w, policy_a) == len(pooled)

    used, active = [0] * lanes, set()
    for i, done in pairs:
        if done:
            active.add(used[i % lanes])
        used[i % lanes] += 1
    lane_slots, scratch = np.zeros(lanes, np.int64), np.zeros(elements, np.uint8)
    updates = fixed_lanes(0, 0, 0, lanes, elements, row, column, policy_w, policy_a, lane_slots, scratch)
    assert lane_slots.tolist() == used
    assert updates == len(active)
