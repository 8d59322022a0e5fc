"""Bytes and cycles of an operation of the postprocessor (docs/machine.md, part 4)."""

from dataclasses import dataclass
from math import prod

from accelsim.hardware import Accelerator
from accelsim.machine.dram import BandwidthChannel
from accelsim.mapper.traffic import burst_rounded, elements_and_bytes
from accelsim.network import Operation, Pair
from accelsim.schedule.lives import held_bytes
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


def operation_traffic(
    trace: NetworkTrace,
    node: Operation,
    chip: Accelerator,
    kept: frozenset[str] = frozenset(),
) -> OperationTraffic:
    """Traffic and duration of one operation.

    Parameters
    ----------
    kept : tensors in the scratchpad; the others stream from DRAM and back
    """
    elements_read = read = kept_read = 0
    for name, rows in zip(node.inputs, node.rows or (None,) * len(node.inputs), strict=True):
        if name in kept:
            part = _rows(trace, name, rows)
            elements_read += prod(part.shape)
            kept_read += held_bytes(part, trace.network.tensors[name].zero_point, chip)
        else:
            count, size = elements_and_bytes(trace, name, rows, chip)
            elements_read += count
            read += size
    elements_written, written = elements_and_bytes(trace, node.output, None, chip)
    kept_written = 0
    if node.output in kept:
        info = trace.network.tensors[node.output]
        written, kept_written = 0, held_bytes(trace.tensors[node.output], info.zero_point, chip)
    elements = max(elements_read, elements_written) * (node.passes or 1)
    burst = chip.dram.burst_bytes
    read, read_waste = burst_rounded(read, burst)
    written, written_waste = burst_rounded(written, burst)
    dram_cycles = BandwidthChannel(chip).occupancy_cycles(read + written)
    busy = max(ceil_div(elements, chip.postprocessor.elements_per_cycle), dram_cycles)
    return OperationTraffic(
        elements=elements,
        read=read,
        read_waste=read_waste,
        written=written,
        written_waste=written_waste,
        kept_read=kept_read,
        kept_written=kept_written,
        dram_cycles=dram_cycles,
        cycles=busy + (chip.dram_latency_cycles if read + written else 0),
    )


def _rows(trace: NetworkTrace, name: str, rows: Pair | None) -> Tensor:
    first, count = rows or (0, trace.network.tensors[name].shape[1])
    return trace.tensors[name][:, first : first + count]
