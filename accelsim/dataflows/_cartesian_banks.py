"""The queues before the accumulator banks of `cartesian`, all banks of a PE at once.

Lengths are stored in bit planes: bit b of plane i is bit i of the length of bank b's queue. A product is one
bit; adding it, comparing with the depth and taking one from every queue are a few operations on words. (An
array of lengths takes 1.7 times as long: which banks meet is random, and each add waits for the last.)
"""

import numpy as np

from accelsim.jit import kernel

# Parameters of the array.
(
    ROWS,
    COLUMNS,
    PER_STEP_W,
    PER_STEP_A,
    BANKS,
    SUMS_HELD,
    DEPTH,
    HALO_RATE,
    DRAIN_RATE,
    PIPELINE,
    BITS_W,
    BITS_A,
    WORD_BYTES,
) = range(13)
PLANES = 8  # lengths up to 255: a queue and a step of up to 64 products each


@kernel
def lengths(queued):
    """Not 0 if any queue holds a product: uint64."""
    some = queued[0]
    for i in range(1, PLANES):
        some |= queued[i]
    return some


@kernel
def take_one(queued):
    """Each bank with a product in its queue takes one."""
    borrow = lengths(queued)
    for i in range(PLANES):
        before = queued[i]
        queued[i] = before ^ borrow
        borrow &= ~before


@kernel
def has_no_room(added, depth, queued, together):
    """Write the lengths after a step to `together`: uint64, not 0 if one would be more than the depth."""
    carry = np.uint64(0)
    for i in range(PLANES):
        q, a = queued[i], added[i]
        together[i] = q ^ a ^ carry
        carry = (q & a) | (carry & (q | a))
    if depth >= 16 and together[4] | together[5] | together[6] | together[7] == 0:
        return np.uint64(0)
    more = np.uint64(0)
    equal = ~np.uint64(0)
    for i in range(PLANES - 1, -1, -1):
        if depth >> i & 1:
            equal &= together[i]
        else:
            more |= equal & together[i]
            equal &= ~together[i]
    return more


@kernel
def run_channel(a_first, a_end, w_first, w_end, of_activations, base, of_weights, edges, p, queued):
    """Issue all steps of a channel and phase: (cycles waited, products sent, of these without a zero).

    Parameters
    ----------
    edges : p0, p1, q0, q1, and whether every product lies within (then only the first value is counted)
    """
    ys, xs, kept_a, _ = of_activations
    _, bank_w, js, ls, kept_w, _ = of_weights
    p0, p1, q0, q1, inside = edges
    mask = np.int32(p[BANKS] - 1)
    one = np.uint64(1)
    added = np.zeros(PLANES, np.uint64)
    together = np.zeros(PLANES, np.uint64)
    waited = np.int64(0)
    done = np.int64(0)
    effectual = np.int64(0)
    for a0 in range(a_first, a_end, p[PER_STEP_A]):
        a1 = min(a0 + p[PER_STEP_A], a_end)
        for w0 in range(w_first, w_end, p[PER_STEP_W]):
            w1 = min(w0 + p[PER_STEP_W], w_end)
            ones, twos, fours = np.uint64(0), np.uint64(0), np.uint64(0)
            for a in range(a0, a1):
                address, y, x, some = base[a], ys[a], xs[a], kept_a[a]
                for w in range(w0, w1):
                    bit = one << np.uint64((address + bank_w[w]) & mask)
                    if not inside:
                        row, column = np.int32(y - js[w]), np.int32(x - ls[w])
                        sent = np.uint8((p0 <= row) & (row < p1) & (q0 <= column) & (column < q1))
                        done += sent
                        effectual += np.int64(some & kept_w[w] & sent)
                        bit *= np.uint64(sent)
                    carry = ones & bit
                    ones ^= bit
                    more = twos & carry
                    twos ^= carry
                    carry = fours & more
                    fours ^= more
                    if carry:  # eight products of a step in one bank
                        for i in range(3, PLANES):
                            before = added[i]
                            added[i] = before ^ carry
                            carry &= before
            added[0] = ones
            added[1] = twos
            added[2] = fours
            while has_no_room(added, p[DEPTH], queued, together):
                take_one(queued)
                waited += 1
            for i in range(3, PLANES):
                added[i] = 0
            borrow = lengths(together)
            for i in range(PLANES):
                before = together[i]
                queued[i] = before ^ borrow
                borrow &= ~before
    return waited, done, effectual
