"""DRAM requests of a run as traces that cycle-level simulators read, and their clocks as a table.

::

    <name>.loadstore.trace   LD 0x1240            Ramulator 2, LoadStoreTrace
    <name>.readwrite.trace   R 0,0,1,2,345,6      Ramulator 2, ReadWriteTrace: levels from the channel down
    <name>.dramsim3.trace    0x1240 READ 12       DRAMsim3, trace CPU: address, operation, DRAM clock
    <name>.requests.csv      request and response clock of each of them

Ramulator's forms carry no time: its front end offers a line a clock, in order.
"""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accelsim.files import write_whole
from accelsim.hardware import DramDevice
from accelsim.hardware.dram_model import address_fields

Ints = NDArray[np.int64]
LEVELS = ("channel", "rank", "bank_group", "bank", "row", "column")


def address_vectors(address: Ints, device: DramDevice, channels: int, ranks: int, mapping: str) -> Ints:
    """Place of each address: int64 [requests, 6], LEVELS; of a device with pseudo channels, these for ranks.

    Parameters
    ----------
    address : int64 [requests], bytes
    """
    found = {name: np.zeros_like(address) for name in LEVELS}
    filled = dict.fromkeys(LEVELS, 0)
    rest = address // device.burst_bytes
    for name, bits in reversed(address_fields(mapping, device, channels, ranks)):
        found[name] |= (rest & ((1 << bits) - 1)) << filled[name]
        filled[name] += bits
        rest = rest >> bits
    if device.pseudo_channels > 1:
        found["rank"] = found["channel"] % device.pseudo_channels
        found["channel"] = found["channel"] // device.pseudo_channels
    return np.stack([found[name] for name in LEVELS], axis=1)


def write_requests(
    folder: Path,
    name: str,
    request_clock: Ints,
    response_clock: Ints,
    address: Ints,
    write: Ints,
    vectors: Ints | None = None,
) -> list[Path]:
    """Write the traces of requests, in order of their request.

    Parameters
    ----------
    request_clock, response_clock : int64 [requests], DRAM clocks; a write's response is its command
    address : int64 [requests], bytes
    write : int64 or bool [requests]
    vectors : of `address_vectors`; None: no read-write trace, which needs them

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    writes = np.asarray(write, bool)
    addresses, asked, told = address.tolist(), request_clock.tolist(), response_clock.tolist()
    kinds = writes.tolist()
    texts = {
        "loadstore.trace": _lines(
            lambda i: f"{'ST' if kinds[i] else 'LD'} {addresses[i]:#x}", len(addresses)
        ),
        "dramsim3.trace": _lines(
            lambda i: f"{addresses[i]:#x} {'WRITE' if kinds[i] else 'READ'} {asked[i]}", len(addresses)
        ),
        "requests.csv": "request_cycle,response_cycle,address,operation\n"
        + _lines(
            lambda i: f"{asked[i]},{told[i]},{addresses[i]},{'write' if kinds[i] else 'read'}", len(addresses)
        ),
    }
    if vectors is not None:
        rows = vectors.tolist()
        texts["readwrite.trace"] = _lines(
            lambda i: f"{'W' if kinds[i] else 'R'} {','.join(map(str, rows[i]))}", len(rows)
        )
    paths = []
    for ending, text in texts.items():
        paths.append(folder / f"{name}.{ending}")
        write_whole(paths[-1], text.encode())
    return paths


def _lines(line: Callable[[int], str], count: int) -> str:
    file = io.StringIO()
    for i in range(count):
        file.write(line(i) + "\n")
    return file.getvalue()
