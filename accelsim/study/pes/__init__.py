"""What each PE of a layer does, for every dataflow: exact, from the tensors and the tiles alone.

::

    dataflow            row                         column                  docs/dataflows/
    inner_join          filter                      output position
    structured          filter                      output position
    systolic            what `stationary` has on rows and on columns
    row_stationary      set, filter row in it       set, output row in it
    csc_row_stationary  the same
    column_broadcast    PE number / columns         PE number mod columns
    cartesian           band of input rows          band of input columns

Which operands meet on a PE follows from its dataflow's page; how many of the pairs are non-zero is a sum of
products of counts, below 2^53, so that floating point keeps it whole. No kernel counts here.
"""

import numpy as np
import numpy.typing as npt

from accelsim.hardware import Accelerator
from accelsim.plan import Unrolling
from accelsim.study.pes import cartesian, column_broadcast, inner_join, row_stationary, structured, systolic
from accelsim.study.pes.operands import operands_of
from accelsim.trace import LayerTrace

Ints = npt.NDArray[np.int64]

_COUNTED = {
    "inner_join": inner_join,
    "structured": structured,
    "systolic": systolic,
    "row_stationary": row_stationary,
    "csc_row_stationary": row_stationary,
    "column_broadcast": column_broadcast,
    "cartesian": cartesian,
}


def pe_lane_cycles(
    trace: LayerTrace, boxes: Ints, chip: Accelerator, held: Unrolling | None = None
) -> tuple[Ints, Ints]:
    """Lane-cycles of each PE over all tiles: effectual MACs, and slots (done and gated MACs).

    Parameters
    ----------
    boxes : int64 [tiles, 10], columns tables.BOX
    held : what the PEs hold at once, of an `inner_join` array; None: the array's own mapping

    Returns
    -------
    (mac, slot) : int64 [parts, rows, columns] each; one part, but of a reduction that is unrolled
    """
    dataflow = _COUNTED[chip.dataflow]
    operands = operands_of(trace)
    total: tuple[Ints, Ints] | None = None
    at, seen = None, None
    for box in boxes:
        place = (*box[:2].tolist(), *box[4:].tolist())
        if place != at:  # tiles of other filters see the same activations
            at, seen = place, dataflow.activations_of(operands, box, chip, held)
        mac, slot = dataflow.pes_of(operands, box, chip, held, seen)
        total = (mac, slot) if total is None else (total[0] + mac, total[1] + slot)
    if total is None:
        raise ValueError(f"{trace.layer.name}: no tiles")
    return total
