"""The cache against one in plain Python, and the laws that every cache obeys."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels import cache as at


class PlainCache:
    """A list of lines per set, oldest first; random victims by position of arrival in the ways."""

    def __init__(self, sets, ways, replacement, prefetch, seed):
        self.sets = [[None] * ways for _ in range(sets)]  # (line, dirty, unused) by way
        self.ages = [[] for _ in range(sets)]  # lines, oldest first
        self.replacement, self.prefetch, self.drawn = replacement, prefetch, seed
        self.read_misses = self.write_misses = self.prefetches = self.unused = self.write_backs = 0

    def way(self, line):
        return next((w for w, held in enumerate(self.of(line)) if held and held[0] == line), None)

    def of(self, line):
        return self.sets[line % len(self.sets)]

    def age(self, line):
        ages = self.ages[line % len(self.sets)]
        if line in ages:
            ages.remove(line)
        ages.append(line)

    def leave(self, held):
        self.write_backs += held[1]
        self.unused += held[2]

    def bring(self, line, dirty, unused):
        ways = self.of(line)
        if None in ways:
            victim = ways.index(None)
        elif self.replacement == at.RANDOM:
            self.drawn = (self.drawn * 1103515245 + 12345) % 2**31
            victim = (self.drawn // 65536) % len(ways)
        else:
            victim = self.way(self.ages[line % len(self.sets)][0])
        if ways[victim]:
            self.leave(ways[victim])
            self.ages[line % len(self.sets)].remove(ways[victim][0])
        ways[victim] = (line, dirty, unused)
        self.age(line)

    def touch(self, line, write):
        way = self.way(line)
        if way is not None:
            self.of(line)[way] = (line, self.of(line)[way][1] or write, False)
            self.age(line)
            return
        if write:
            self.write_misses += 1
        else:
            self.read_misses += 1
        self.bring(line, write, False)
        if self.prefetch and self.way(line + 1) is None:
            self.prefetches += 1
            self.bring(line + 1, False, True)

    def flush(self):
        for held in (held for ways in self.sets for held in ways if held):
            self.leave(held)


def kernel_counts(stream, sets, ways, replacement=at.LRU, prefetch=False, seed=0):
    lines = np.array([line for line, _ in stream], np.int64)
    writes = np.array([write for _, write in stream], np.uint8)
    held = at.empty_cache(sets, ways, 64, (replacement, int(prefetch), 64, 16), seed)
    at.run(lines, writes, held)
    at.flush(held)
    return held[4]


def misses(counts):
    return int(counts[at.READ_MISSES] + counts[at.WRITE_MISSES])


streams = st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=120)
reads = st.lists(st.tuples(st.integers(0, 40), st.just(False)), max_size=120)


@pytest.mark.small
@given(
    streams,
    st.integers(1, 5),
    st.integers(1, 4),
    st.sampled_from([at.LRU, at.RANDOM]),
    st.booleans(),
    st.integers(0, 2**31 - 1),
)
def test_the_kernel_is_the_plain_cache(stream, sets, ways, replacement, prefetch, seed):
    plain = PlainCache(sets, ways, replacement, prefetch, seed)
    for line, write in stream:
        plain.touch(line, write)
    plain.flush()
    counts = kernel_counts(stream, sets, ways, replacement, prefetch, seed)
    assert counts[at.TOUCHES] == len(stream)
    assert counts[at.READ_MISSES] == plain.read_misses
    assert counts[at.WRITE_MISSES] == plain.write_misses
    assert counts[at.PREFETCHES] == plain.prefetches
    assert counts[at.UNUSED_PREFETCHES] == plain.unused
    assert counts[at.WRITE_BACKS] == plain.write_backs


@pytest.mark.small
@given(streams, st.integers(1, 12))
def test_a_larger_fully_associative_lru_cache_never_misses_more(stream, ways):
    """The stack property: what a smaller LRU cache holds, a larger one holds too."""
    assert misses(kernel_counts(stream, 1, ways + 1)) <= misses(kernel_counts(stream, 1, ways))


@pytest.mark.small
@given(streams)
def test_a_cache_that_holds_all_misses_once_a_line(stream):
    counts = kernel_counts(stream, 1, 41)
    distinct = len({line for line, _ in stream})
    assert misses(counts) == counts[at.DISTINCT_LINES] == distinct


@pytest.mark.small
@given(streams, st.integers(1, 4), st.integers(1, 4), st.sampled_from([at.LRU, at.RANDOM]))
def test_no_cache_misses_less_than_once_a_line_or_more_than_once_a_touch(stream, sets, ways, replacement):
    counts = kernel_counts(stream, sets, ways, replacement, seed=7)
    assert counts[at.DISTINCT_LINES] <= misses(counts) <= counts[at.TOUCHES]


@pytest.mark.small
@given(reads, st.integers(1, 4), st.integers(1, 4))
def test_reading_writes_nothing_back(stream, sets, ways):
    assert kernel_counts(stream, sets, ways)[at.WRITE_BACKS] == 0


@pytest.mark.small
def test_a_loop_one_line_too_long_never_hits_under_lru():
    """Lines 0 1 2 | 0 1 2 | 0 1 2 in two ways: each line leaves just before it is wanted again."""
    loop = [(line, False) for line in (0, 1, 2)] * 3
    assert misses(kernel_counts(loop, 1, 2)) == 9
    assert misses(kernel_counts(loop, 1, 3)) == 3
    assert misses(kernel_counts(loop, 1, 2, at.RANDOM, seed=1)) < 9


@pytest.mark.small
def test_a_stream_misses_every_second_line_with_prefetch():
    stream = [(line, False) for line in range(40)]
    counts = kernel_counts(stream, 4, 2, prefetch=True)
    assert (misses(counts), counts[at.PREFETCHES], counts[at.UNUSED_PREFETCHES]) == (20, 20, 0)


@pytest.mark.small
def test_words_are_counted_by_access_and_lines_by_address():
    """70 bytes from byte 60 lie in three lines of 64, and are five words of 16."""
    held = at.empty_cache(4, 2, 8, (at.LRU, 0, 64, 16))
    at.touch_bytes(60, 70, False, held)
    at.touch_bytes(0, 0, False, held)
    at.touch_bytes(64, 16, True, held)
    counts = held[4]
    assert (counts[at.TOUCHES], counts[at.READ_WORDS], counts[at.WRITTEN_WORDS]) == (4, 5, 1)
