"""An operation of the postprocessor: its tensors stream from DRAM and back, or are in the scratchpad."""

from accelsim.audit.books import check_layer
from accelsim.energy import action_counts, price
from accelsim.energy.table import EnergyTable
from accelsim.hardware import Accelerator
from accelsim.network import Operation
from accelsim.results import LayerResult
from accelsim.reuse import OFF, Off
from accelsim.schedule.held import Held
from accelsim.schedule.operation_traffic import operation_traffic
from accelsim.tables import CAUSES, COUNTERS, TRAFFIC
from accelsim.trace import NetworkTrace


def operation_result(
    trace: NetworkTrace,
    node: Operation,
    index: int,
    chip: Accelerator,
    table: EnergyTable,
    held: Held,
    reuse: Off = OFF,
) -> LayerResult:
    """Time, price and audit one operation of input `index`.

    Its elements are those of its inputs or of its output, whichever are more, once a pass. It lasts as
    long as the slower of the two: elements at the postprocessor's rate, bytes at the DRAM's; and one
    latency for the first bytes, if any come from DRAM or go there.
    """
    moved = operation_traffic(trace, node, chip, held.kept, reuse)
    totals = dict.fromkeys((*COUNTERS, *TRAFFIC), 0)
    totals |= {
        "activation_fetch_bytes": moved.read - moved.read_waste,
        "fetch_burst_waste_bytes": moved.read_waste,
        "output_drain_bytes": moved.written - moved.written_waste,
        "drain_burst_waste_bytes": moved.written_waste,
    }
    in_all = moved.cycles * chip.pe_array.multipliers
    result = LayerResult(
        name=node.name,
        kind=node.kind,
        input=index,
        cycles=moved.cycles,
        dram_cycles=moved.dram_cycles,
        lane_cycles={c: in_all if c == "postprocess" else 0 for c in CAUSES},
        totals=totals,
        energy=tuple(price(action_counts(totals | moved.counts(), chip), chip, table)),
        held_bytes=held.held_bytes,
        kept_in_bytes=held.kept_in_bytes,
        kept_out_bytes=held.kept_out_bytes,
        saved_dram_bytes=held.saved(node.name, moved.read + moved.written),
    )
    check_layer(result, chip)
    return result
