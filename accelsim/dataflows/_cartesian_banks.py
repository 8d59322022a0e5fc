"""The queues before the accumulator banks of `cartesian`, all banks of a PE at once.

An activation shifts the banks of a step's weights by its own address, modulo the banks. So where the weights
of a step go (`spread`) is counted once for all PEs, and a step is the sum of as many shifted rows as it has
activations. Only activations whose products may lie outside of the tile are looked at product by product.

Lengths are bytes, one a lane; banks repeat within the lanes where they are fewer. Eight lanes are a word for
what is done to all of them. Loops have a fixed length and indices no sign, so that they become
vector instructions.
"""

import numpy as np

from accelsim.jit import inlined_kernel, kernel

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
LANES = 64
_HALF = 32  # lanes that hold all banks, unless there are 64
_TOGETHER = 4  # activations whose rows are added at once
_SHIFTS = 8  # the most of a step
_U = np.uint64
_HALF_LANES, _HALF_WORDS, _NONE = _U(_HALF), _U(_HALF // 8), _U(0)
_ONES, _LOW, _HIGH = _U(0x0101010101010101), _U(0x7F7F7F7F7F7F7F7F), _U(0x8080808080808080)
_SEVEN = _U(7)


@kernel
def new_queues():
    """Lengths of the queues, in words; what is added, words and bytes; both together; shifts of a step."""
    added = np.zeros(LANES // 8, np.uint64)
    queued, together = np.zeros(LANES // 8, np.uint64), np.zeros(LANES // 8, np.uint64)
    return queued, added, added.view(np.uint8), together, np.zeros(_SHIFTS, np.int64)


@kernel
def spread_weights(starts, banks_of, p):
    """Where the weights of every step go.

    Parameters
    ----------
    starts : int64 [lists + 1], first entry of each list; banks_of : int32 [entries], what each adds to an
        address

    Returns
    -------
    steps : int64 [lists + 1], first step of each list
    spread : uint8 [steps, 3 * lanes], weights of a step by bank, twice, so that a row is shifted by reading
        from a later place on; then none
    """
    per_step, banks, lanes = p[PER_STEP_W], p[BANKS], max(p[BANKS], _HALF)
    steps = np.zeros(starts.size, np.int64)
    for place in range(starts.size - 1):
        steps[place + 1] = steps[place] + (starts[place + 1] - starts[place] + per_step - 1) // per_step
    spread = np.zeros((steps[starts.size - 1], 3 * lanes), np.uint8)
    for place in range(starts.size - 1):
        step, left = steps[place], per_step
        for w in range(starts[place], starts[place + 1]):
            for lane in range(np.int64(banks_of[w]) & (banks - 1), 2 * lanes, banks):
                spread[step, lane] += 1
            left -= 1
            if left == 0:
                step, left = step + 1, per_step
    return steps, spread


@inlined_kernel
def take_one(lengths, first, left):
    """Each bank with a product in its queue takes one: words from `first` on, of half of the lanes."""
    for i in range(first, first + _HALF_WORDS):
        n = lengths[i]
        left[i] = n - (((n & _LOW) + _LOW | n) >> _SEVEN & _ONES)


@inlined_kernel
def add_shifted(spread, step, shifts, at, first, added):
    """A step's weights as four activations from `at` on shift them: lanes from `first` on, half of them."""
    s0, s1, s2, s3 = _U(shifts[at]), _U(shifts[at + 1]), _U(shifts[at + 2]), _U(shifts[at + 3])
    if at == 0:
        for i in range(first, first + _HALF_LANES):
            added[i] = (
                spread[step, s0 + i] + spread[step, s1 + i] + spread[step, s2 + i] + spread[step, s3 + i]
            )
    else:
        for i in range(first, first + _HALF_LANES):
            more = spread[step, s0 + i] + spread[step, s1 + i] + spread[step, s2 + i] + spread[step, s3 + i]
            added[i] += more


@inlined_kernel
def find_room(queued, added, depth, first, together):
    """Write the lengths after a step to `together`; not 0 if one would be more than the depth, at most 128.

    A byte is at most 128 + 64, so that none runs over into the next.
    """
    bias = _U(127 - min(depth, 127)) * _ONES
    less = _ONES if depth > 127 else _NONE
    more = _NONE
    for i in range(first, first + _HALF_WORDS):
        n = queued[i] + added[i]
        together[i] = n
        more |= n + bias - (n >> _SEVEN & less)
    return more & _HIGH


@inlined_kernel
def issue(queues, depth, both):
    """Send a step's products to their queues as soon as there is room: cycles waited.

    Parameters
    ----------
    both : whether both halves of the lanes are used
    """
    queued, added, _, together, _ = queues
    waited = np.int64(0)
    while True:
        more = find_room(queued, added, depth, _NONE, together)
        if both:
            more |= find_room(queued, added, depth, _HALF_WORDS, together)
        if more == _NONE:
            break
        take_one(queued, _NONE, queued)
        if both:
            take_one(queued, _HALF_WORDS, queued)
        waited += 1
    take_one(together, _NONE, queued)
    if both:
        take_one(together, _HALF_WORDS, queued)
    return waited


@inlined_kernel
def longest(queued):
    """Products in the longest queue."""
    found = np.int64(0)
    for i in range(queued.size):
        for lane in range(8):
            found = max(found, np.int64(queued[i] >> _U(8 * lane) & _U(255)))
    return found


@inlined_kernel
def add_at_edge(a, w0, w1, base, of_activations, of_weights, edges, banks, lanes, added):
    """Add the products of an activation that lie in the tile: (how many, of these without a zero)."""
    ys, xs, kept_a, _ = of_activations
    _, bank_w, js, ls, kept_w, _, _, _ = of_weights
    p0, p1, q0, q1, _ = edges
    done = effectual = np.int64(0)
    for w in range(w0, w1):
        row, column = np.int32(ys[a] - js[w]), np.int32(xs[a] - ls[w])
        if (p0 <= row) & (row < p1) & (q0 <= column) & (column < q1):
            for lane in range(np.int64(base[a] + bank_w[w]) & (banks - 1), lanes, banks):
                added[lane] += 1
            done += 1
            effectual += np.int64(kept_a[a] & kept_w[w])
    return done, effectual


@inlined_kernel
def shifts_of(a0, a1, base, of_activations, edges, reach, lanes, banks, shifts):
    """How far each activation of a step shifts rows, or past them if its products may lie outside.

    Returns
    -------
    activations that are shifted, of these without a zero
    """
    ys, xs, kept_a, _ = of_activations
    p0, p1, q0, q1, inside = edges
    some = kept = np.int64(0)
    for i in range(_SHIFTS):
        shifts[i] = 2 * lanes
    for a in range(a0, a1):
        y, x = np.int64(ys[a]), np.int64(xs[a])
        within = (y - reach[0] + 1 >= p0) & (y < p1) & (x - reach[1] + 1 >= q0) & (x < q1)
        if inside or within:
            shifts[a - a0] = -np.int64(base[a]) & (banks - 1)
            some += 1
            kept += np.int64(kept_a[a])
    return some, kept


@inlined_kernel
def run_channel(a_first, a_end, place, of_activations, base, of_weights, edges, reach, p, queues):
    """Issue all steps of a list of activations and one of weights.

    Parameters
    ----------
    of_weights : as of `weight_lists` and `spread_weights`
    edges : p0, p1, q0, q1, and whether every product lies within
    reach : rows and columns of outputs that a pixel can reach
    queues : as of `new_queues`, changed

    Returns
    -------
    cycles waited, products sent, of these without a zero
    """
    starts, steps, spread, before_w = of_weights[0], of_weights[6], of_weights[7], of_weights[5]
    added, shifts = queues[2], queues[4]
    banks, lanes, depth = p[BANKS], max(p[BANKS], _HALF), p[DEPTH]
    both = lanes > _HALF
    waited = done = effectual = np.int64(0)
    for a0 in range(a_first, a_end, p[PER_STEP_A]):
        a1 = min(a0 + p[PER_STEP_A], a_end)
        some, kept = shifts_of(a0, a1, base, of_activations, edges, reach, lanes, banks, shifts)
        done += some * (starts[place + 1] - starts[place])
        effectual += kept * (before_w[starts[place + 1]] - before_w[starts[place]])
        for step in range(steps[place], steps[place + 1]):
            for at in range(0, a1 - a0, _TOGETHER):
                add_shifted(spread, _U(step), shifts, at, _NONE, added)
                if both:
                    add_shifted(spread, _U(step), shifts, at, _HALF_LANES, added)
            if some < a1 - a0:
                w0 = starts[place] + (step - steps[place]) * p[PER_STEP_W]
                w1 = min(w0 + p[PER_STEP_W], starts[place + 1])
                for a in range(a0, a1):
                    if shifts[a - a0] == 2 * lanes:
                        at_edge = add_at_edge(
                            a, w0, w1, base, of_activations, of_weights, edges, banks, lanes, added
                        )
                        done += at_edge[0]
                        effectual += at_edge[1]
            waited += issue(queues, depth, both)
    return waited, done, effectual
