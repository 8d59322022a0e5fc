"""A plan's cycles on a machine whose DMA and scratchpad have choices (docs/machine.md, parts 3 and 4).

The search prices plans by the recurrence without them: one pool of bytes, whole transfers, no descriptors,
no order, no ports. The best by that price are timed here once more by the machine's own recurrence, with the
same estimate of compute; where banks count, also with the array's accesses, at the rate of one tile that is
counted.
"""

import numpy as np

from accelsim.dataflows import DATAFLOWS, Prepared
from accelsim.dataflows._estimate_kernel import estimated_cycles
from accelsim.hardware import Accelerator
from accelsim.machine.idle import layer_cycles
from accelsim.machine.inputs import needs_runs
from accelsim.machine.replay import replay_layer
from accelsim.machine.requests import Requests
from accelsim.mapper.addresses import plan_requests
from accelsim.mapper.costs import sampled
from accelsim.mapper.encoded import EncodedSizes
from accelsim.mapper.traffic import layer_vector, plan_traffic
from accelsim.plan import Plan, tile_boxes
from accelsim.tables import BOX, COUNTERS, TRAFFIC, WORK, Table

_READS = ("weight_scratchpad_reads", "activation_scratchpad_reads")


def has_choices(chip: Accelerator) -> bool:
    """Whether the recurrence of the search leaves out something that the chip has."""
    dma, pad = chip.dma, chip.scratchpad
    chunked = dma.chunk_bytes is not None or dma.outstanding_chunks is not None
    return (
        chunked
        or dma.descriptor_cycles > 0
        or dma.arbitration != "in_order"
        or len(dma.parts) > 1
        or pad.banks is not None
        or pad.is_split
    )


def predicted_work(
    plan: Plan, prepared: Prepared, sizes: EncodedSizes, chip: Accelerator
) -> tuple[Table, Requests | None]:
    """WORK of a plan as far as the machine asks for it, and its runs where the chip needs them.

    Traffic is exact; compute cycles and the array's reads of the scratchpad are estimates.
    """
    layer, dataflow = prepared.layer, DATAFLOWS[chip.dataflow]
    boxes = tile_boxes(plan, layer)
    traffic, _ = plan_traffic(plan, boxes, layer, chip, sizes)
    work = np.zeros(len(boxes), WORK)
    for column, name in enumerate(BOX):
        work[name] = boxes[:, column]
    for column, name in enumerate(TRAFFIC):
        work[name] = traffic[:, column]
    estimate, rate = (
        dataflow.estimate_vector(chip, plan.spatial),
        dataflow.step_cycles(prepared, chip, plan.spatial),
    )
    work["compute_cycles"] = estimated_cycles(boxes, layer_vector(layer, chip), estimate, rate)
    if chip.scratchpad.banks is not None:
        tile = np.diff(boxes[:1].reshape(1, 5, 2), axis=2)[:, :, 0]
        counted = dict(
            zip(COUNTERS, sampled(prepared, chip, tile, plan.spatial).counters.tolist(), strict=True)
        )
        for name in _READS:
            work[name] = -(-work["compute_cycles"] * counted[name] // max(counted["compute_cycles"], 1))
    if needs_runs(chip):
        return work, plan_requests(plan, boxes, layer, chip, sizes)
    return work, None


def machine_cycles(plan: Plan, prepared: Prepared, sizes: EncodedSizes, chip: Accelerator) -> int:
    """Cycles of a plan by the machine's whole recurrence."""
    work, requests = predicted_work(plan, prepared, sizes, chip)
    return layer_cycles(replay_layer(work, chip, requests))
