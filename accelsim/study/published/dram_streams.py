"""The address streams that cycle-level simulators were run on (docs/dram.md defines them)."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError
from accelsim.machine._banked_address_kernel import ROW
from accelsim.machine.banked import Controllers

Ints = NDArray[np.int64]
BLOCK_BYTES = 64  # of a request
STREAM_BYTES = 1 << 20
_FAR_APART = 64 << 20  # bytes between streams
KINDS = (
    "seq_rd, seq_wr, rand_rd_256M, rand_rd_1M, rand_wr_256M, rowconf_rd, stride_N_rd, mix_rrw, mix_rw, "
    "Kstr_al_gN, Kstr_st_gN (K 2 or 3, N bytes, whole blocks)"
)
_N = "(?:64|128|256|512|1024|2048|4096|8192|16384)"
_MADE = rf"stride_{_N}_rd|[23]str_(?:al|st)_g{_N}"
NAMES = rf"(?:seq_(?:rd|wr)|rand_(?:rd|wr)_(?:256M|1M)|rowconf_rd|mix_(?:rrw|rw)|{_MADE})"


@dataclass(frozen=True, slots=True)
class Streams:
    """The streams of one device and mapping: (address, write) of 64-byte blocks, int64 [blocks] each.

    Attributes
    ----------
    row_step_bytes : from a row to the next row of the same bank
    total_bytes : moved by a stream
    """

    row_step_bytes: int
    total_bytes: int = STREAM_BYTES
    seed: int = 0

    def of(self, name: str) -> tuple[Ints, Ints]:
        """A stream by its name in the table; raises InputError if there is none."""
        if not re.fullmatch(NAMES, name):
            raise InputError(f"no stream is called {name!r}; there are: {KINDS}")
        kind, *rest = name.split("_")
        n = self.total_bytes // BLOCK_BYTES
        at, writes = np.arange(n, dtype=np.int64), np.zeros(n, np.int64)
        if kind in ("seq", "rand"):
            writes[:] = rest[0] == "wr"
            if kind == "seq":
                return at * BLOCK_BYTES, writes
            generator = np.random.default_rng(self.seed)
            blocks = (
                generator.integers(0, (256 << 20) // BLOCK_BYTES, n)
                if rest[1] == "256M"
                else generator.permutation(n)
            )
            return blocks * BLOCK_BYTES, writes
        if kind == "rowconf":
            return at * self.row_step_bytes, writes
        if kind == "stride":
            return at * int(rest[0]), writes
        if kind == "mix":
            period = {"rrw": 3, "rw": 2}[rest[0]]
            return at * BLOCK_BYTES, (at % period == period - 1).astype(np.int64)
        return self._streams(int(kind[0]), rest[0] == "st", int(rest[1][1:]))

    def _streams(self, streams: int, staggered: bool, grain_bytes: int) -> tuple[Ints, Ints]:
        grain = grain_bytes // BLOCK_BYTES
        rounds = self.total_bytes // BLOCK_BYTES // streams // grain
        turn, stream, block = np.indices((rounds, streams, grain), np.int64)
        apart = _FAR_APART + (self.row_step_bytes // 4 if staggered else 0)
        addresses = stream * apart + (turn * grain + block) * BLOCK_BYTES
        return addresses.reshape(-1), (stream == 2).astype(np.int64).reshape(-1)


def row_step_bytes(controllers: Controllers) -> int:
    """Bytes from a row to the next of the same bank: the row's lowest bit."""
    return 1 << min(int(first) for first, _, to, target in controllers.fields if target == ROW and to == 0)
