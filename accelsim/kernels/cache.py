"""A set-associative cache, touched one line at a time: what a machine with a cache would move.

::

    line = byte address / line_bytes;  set = line mod sets;  a line is in one of the ways of its set
    hit    the line becomes the youngest of its set; a write makes it dirty
    miss   the victim is the first empty way, else the oldest (LRU) or one drawn (random); a dirty victim
           is written back, then the line is fetched, for a write too (write-allocate)
    prefetch: after a miss the next line is fetched like any other, unless it is there

Nothing here knows what a line holds; `line_walk` does.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.jit import kernel

LRU, RANDOM = 0, 1
DIRTY, UNUSED = 1, 2  # flags of a line: to be written back; prefetched and not touched since
# Columns of the int64 counters.
(
    TOUCHES,
    READ_MISSES,
    WRITE_MISSES,
    DISTINCT_LINES,
    PREFETCHES,
    UNUSED_PREFETCHES,
    WRITE_BACKS,
    READ_WORDS,
    WRITTEN_WORDS,
    CLOCK,
    DRAWN,
) = range(11)
COUNTS = 11
# Columns of the int64 options.
REPLACEMENT, PREFETCH, LINE_BYTES, WORD_BYTES = range(4)


def empty_cache(
    sets: int, ways: int, lines: int, options: tuple[int, int, int, int], seed: int = 0
) -> tuple[npt.NDArray[Any], ...]:
    """A cache without lines, as the kernels take it.

    Parameters
    ----------
    lines : int, lines of the memory behind it
    options : (REPLACEMENT, PREFETCH, LINE_BYTES, WORD_BYTES)
    seed : int, of random replacement

    Returns
    -------
    tags int64 [sets, ways] (-1: empty), flags uint8 [sets, ways], stamps int64 [sets, ways], seen uint8
    [lines], counts int64 [COUNTS], options int64 [4]
    """
    counts = np.zeros(COUNTS, np.int64)
    counts[DRAWN] = seed % 2**31
    return (
        np.full((sets, ways), -1, np.int64),
        np.zeros((sets, ways), np.uint8),
        np.zeros((sets, ways), np.int64),
        np.zeros(lines, np.uint8),
        counts,
        np.array(options, np.int64),
    )


@kernel
def find(tags, index, line):
    """The way of a set that holds a line, or -1."""
    for way in range(tags.shape[1]):
        if tags[index, way] == line:
            return way
    return -1


@kernel
def bring(line, index, flag, tags, flags, stamps, counts, replacement):
    """Fetch a line into its set, in place of a victim."""
    ways = tags.shape[1]
    victim = -1
    for way in range(ways):
        if tags[index, way] < 0:
            victim = way
            break
    if victim < 0 and replacement == RANDOM:
        # A linear congruential generator whose products stay inside int64.
        counts[DRAWN] = (counts[DRAWN] * 1103515245 + 12345) % 2147483648
        victim = (counts[DRAWN] >> 16) % ways
    elif victim < 0:
        victim = 0
        for way in range(1, ways):
            if stamps[index, way] < stamps[index, victim]:
                victim = way
    counts[WRITE_BACKS] += flags[index, victim] & DIRTY
    counts[UNUSED_PREFETCHES] += (flags[index, victim] & UNUSED) // UNUSED
    tags[index, victim] = line
    flags[index, victim] = flag
    counts[CLOCK] += 1
    stamps[index, victim] = counts[CLOCK]


@kernel
def touch(line, write, cache):
    """One access to a line."""
    tags, flags, stamps, seen, counts, options = cache
    index = line % tags.shape[0]
    counts[TOUCHES] += 1
    counts[DISTINCT_LINES] += 1 - seen[line]
    seen[line] = 1
    way = find(tags, index, line)
    if way >= 0:
        counts[CLOCK] += 1
        stamps[index, way] = counts[CLOCK]
        if write:
            flags[index, way] = DIRTY
        else:
            flags[index, way] &= DIRTY  # no longer unused
        return
    counts[WRITE_MISSES if write else READ_MISSES] += 1
    bring(line, index, DIRTY if write else 0, tags, flags, stamps, counts, options[REPLACEMENT])
    if options[PREFETCH]:
        index = (line + 1) % tags.shape[0]
        if find(tags, index, line + 1) < 0:
            counts[PREFETCHES] += 1
            bring(line + 1, index, UNUSED, tags, flags, stamps, counts, options[REPLACEMENT])


@kernel
def touch_bytes(start, size, write, cache):
    """One access to `size` bytes from address `start` on: every line once, and as many words as they fill."""
    counts, options = cache[4], cache[5]
    if size > 0:
        line_bytes = options[LINE_BYTES]
        for line in range(start // line_bytes, (start + size - 1) // line_bytes + 1):
            touch(line, write, cache)
        words = (size + options[WORD_BYTES] - 1) // options[WORD_BYTES]
        counts[WRITTEN_WORDS if write else READ_WORDS] += words


@kernel
def run(lines, writes, cache):
    """Touch lines one after the other: int64 [touches], uint8 [touches] (1: a write)."""
    for i in range(lines.size):
        touch(lines[i], writes[i] != 0, cache)


@kernel
def flush(cache):
    """Write every dirty line back at the end; lines that were prefetched for nothing are counted."""
    tags, flags, _, _, counts, _ = cache
    for index in range(tags.shape[0]):
        for way in range(tags.shape[1]):
            counts[WRITE_BACKS] += flags[index, way] & DIRTY
            counts[UNUSED_PREFETCHES] += (flags[index, way] & UNUSED) // UNUSED
            flags[index, way] = 0
