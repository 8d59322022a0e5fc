"""What random reads reach with a queue of so many entries: rows opened and closed, and nothing else.

::

    queue of `entries` requests, always full, banks drawn uniformly; all rows differ
    next ACT = the oldest request whose bank is ready
        bank     tRC after its ACT; its row is closed, tRP before, once a request waits (open page)
        group    tRRD_L
        rank     tRRD_S; the fifth ACT tFAW after the first
    refresh  = every tREFI: rows closed as tRAS and tRTP allow, tRP_all, tRFC

A request leaves the queue with its ACT. Commands need no bus and columns wait for nothing but tRCD: an upper
share, as the closed forms are (docs/dram.md), that knows of the controller the length of its queue.
"""

from collections import deque

import numpy as np

from accelsim.hardware import DramDevice

_READS = 1 << 15


def random_share(device: DramDevice, entries: int, seed: int = 0) -> float:
    """Share of the peak that reads of one burst a row reach with a queue of `entries`.

    Parameters
    ----------
    entries : requests that wait, in each (pseudo) channel
    """
    t = device.clocks
    open_clocks = max(t["tRAS"], t["tRCD_read"] + t["tRTP"])  # from ACT to PRE, at least
    draws = iter(np.random.default_rng(seed).integers(0, device.banks, _READS + entries).tolist())
    waiting: list[deque[int]] = [deque() for _ in range(device.banks)]  # numbers of requests, oldest first
    for number in range(entries):
        waiting[next(draws)].append(number)
    ready = [0] * device.banks  # clock from which a bank can take an ACT, if a request has waited so long
    closable = [0] * device.banks  # clock from which its open row can be closed
    recent = deque([-t["tFAW"]] * 4, maxlen=4)
    clock, due = 0, t["tREFI"]
    for number in range(entries, entries + _READS):
        bound = max(recent[-1] + t["tRRD_S"], recent[0] + t["tFAW"])
        clock, _, bank = min((max(ready[b], bound), q[0], b) for b, q in enumerate(waiting) if q)
        if clock >= due:
            end = max(due, *closable) + t["tRP_all"] + t["tRFC"]
            ready, closable = [end] * device.banks, [0] * device.banks
            due += t["tREFI"]
            clock, bank = end, min((q[0], b) for b, q in enumerate(waiting) if q)[1]
        waiting[bank].popleft()
        first = bank // device.banks_per_group * device.banks_per_group
        for near in range(first, first + device.banks_per_group):
            ready[near] = max(ready[near], clock + t["tRRD_L"])
        recent.append(clock)
        closable[bank] = clock + open_clocks
        ready[bank] = max(clock + t["tRC"], closable[bank] + t["tRP"])
        new = next(draws)
        if not waiting[new] and closable[new]:
            ready[new] = max(ready[new], clock + 1 + t["tRP"])
        waiting[new].append(number)
    per_read = max(clock / _READS, t["tCCD_S"])
    return t["burst"] / per_read
