"""Bytes and cycles of an operation of the postprocessor (docs/machine.md, part 4)."""

from dataclasses import dataclass
from functools import partial
from math import prod

from accelsim.hardware import Accelerator
from accelsim.machine.dram import BandwidthChannel
from accelsim.mapper.traffic import burst_rounded, tensor_bytes
from accelsim.network import Operation, Pair
from accelsim.reuse import OFF, Kind, Off
from accelsim.schedule.lives import held_bytes
from accelsim.schedule.reused import FEWER_SIZE_KEYS, SIZE_KEYS
from accelsim.trace import NetworkTrace
from accelsim.trace.layer import Tensor
from accelsim.units import ceil_div


@dataclass(frozen=True, slots=True)
class OperationTraffic:
    """What an operation moves.

    Attributes
    ----------
    elements : that pass, of all inputs or of the output, whichever are more, once a pass
    read, written : bytes in DRAM, burst waste included
    read_waste, written_waste : of these
    kept_read, kept_written : bytes of tensors that stay in the scratchpad
    dram_cycles : occupancy of the channel by `read` and `written`
    """

    elements: int
    read: int
    read_waste: int
    written: int
    written_waste: int
    kept_read: int
    kept_written: int
    dram_cycles: int
    cycles: int

    def counts(self) -> dict[str, int]:
        """What `action_counts` prices of an operation."""
        return {
            "cycles": self.cycles,
            "postprocessor_elements": self.elements,
            "dram_read_bytes": self.read,
            "dram_write_bytes": self.written,
            "kept_read_bytes": self.kept_read,
            "kept_write_bytes": self.kept_written,
        }


@dataclass(frozen=True, slots=True)
class _Streamed:
    """A tensor of an operation, or the rows of it that are read; `data` None: it counts as dense."""

    shape: tuple[int, ...]
    zero_point: int
    data: Tensor | None


@dataclass(frozen=True)
class _Streams:
    """The tensors that an operation reads, and the one that it writes."""

    read: tuple[_Streamed, ...]
    written: _Streamed


@dataclass(frozen=True, slots=True)
class _Bytes:
    """Bytes in DRAM, and in the scratchpad, that an operation reads and writes."""

    read: int
    kept_read: int
    written: int
    kept_written: int


def _bytes(streams: _Streams, kept: tuple[bool, ...], chip: Accelerator) -> _Bytes:
    """`kept`: which of the tensors read, and whether the one written, stay in the scratchpad."""
    every = (*streams.read, streams.written)
    sizes = [_held(one, chip) if stays else _moved(one, chip) for one, stays in zip(every, kept, strict=True)]
    read = list(zip(sizes[:-1], kept[:-1], strict=True))
    return _Bytes(
        read=sum(size for size, stays in read if not stays),
        kept_read=sum(size for size, stays in read if stays),
        written=0 if kept[-1] else sizes[-1],
        kept_written=sizes[-1] if kept[-1] else 0,
    )


def _held(one: _Streamed, chip: Accelerator) -> int:
    assert one.data is not None  # what has no data is never kept
    return held_bytes(one.data, one.zero_point, chip)


def _moved(one: _Streamed, chip: Accelerator) -> int:
    return tensor_bytes(one.shape, one.data, one.zero_point, chip)


BYTES = Kind("operations' bytes", _bytes, SIZE_KEYS, FEWER_SIZE_KEYS, types=(_Bytes,))


def _streams(trace: NetworkTrace, node: Operation) -> _Streams:
    every = zip(node.inputs, node.rows or (None,) * len(node.inputs), strict=True)
    return _Streams(
        tuple(_streamed(trace, name, rows) for name, rows in every), _streamed(trace, node.output, None)
    )


def _streamed(trace: NetworkTrace, name: str, rows: Pair | None) -> _Streamed:
    info, tensor = trace.network.tensors[name], trace.tensors.get(name)
    first, count = rows or (0, info.shape[1])
    shape = (info.shape[0], count, *info.shape[2:])
    return _Streamed(shape, info.zero_point, None if tensor is None else tensor[:, first : first + count])


def operation_traffic(
    trace: NetworkTrace,
    node: Operation,
    chip: Accelerator,
    kept: frozenset[str] = frozenset(),
    reuse: Off = OFF,
) -> OperationTraffic:
    """Traffic and duration of one operation.

    Parameters
    ----------
    kept : tensors in the scratchpad; the others stream from DRAM and back
    reuse : of what other runs have made
    """
    streams: _Streams = reuse.same(trace, ("operation", node.name), partial(_streams, trace, node))
    stay = tuple(name in kept for name in (*node.inputs, node.output))
    moved: _Bytes = reuse.value(BYTES, chip, streams, stay)
    elements_read = sum(prod(one.shape) for one in streams.read)
    elements = max(elements_read, prod(streams.written.shape)) * (node.passes or 1)
    burst = chip.dram.burst_bytes
    read, read_waste = burst_rounded(moved.read, burst)
    written, written_waste = burst_rounded(moved.written, burst)
    dram_cycles = BandwidthChannel(chip).occupancy_cycles(read + written)
    busy = max(ceil_div(elements, chip.postprocessor.elements_per_cycle), dram_cycles)
    return OperationTraffic(
        elements=elements,
        read=read,
        read_waste=read_waste,
        written=written,
        written_waste=written_waste,
        kept_read=moved.kept_read,
        kept_written=moved.kept_written,
        dram_cycles=dram_cycles,
        cycles=busy + (chip.dram_latency_cycles if read + written else 0),
    )
