"""A layer's tiles, counted: what a plan decides, whenever the tiles run.

::

    plan -> boxes -> traffic, counters -> WORK -> sums, toggles, bytes and accesses as the machine takes them

None of it depends on DRAM's rate or latency: points of a bandwidth axis whose layers have one plan share it.
"""

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.audit.books import check_work
from accelsim.audit.outputs import OutputCheck, check_outputs
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import ZeroPolicy
from accelsim.machine.inputs import Inputs, inputs, needs_runs
from accelsim.machine.requests import Requests
from accelsim.mapper.addresses import plan_requests
from accelsim.mapper.search import checked
from accelsim.network import LayerNode
from accelsim.plan import Plan
from accelsim.reuse import Aside, Kind
from accelsim.schedule.held import Held
from accelsim.schedule.planning import LayerInput
from accelsim.schedule.reused import COUNTED_KEYS, NONZEROS, TILE_COUNTS, TOGGLES, with_kept
from accelsim.tables import BOX, COUNTERS, TRAFFIC, WORK, Table, column_sums
from accelsim.toggles import ToggleCounts
from accelsim.trace import LayerTrace

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sums:
    """What a layer's tiles add up to.

    Attributes
    ----------
    totals : sums of WORK's columns
    toggles : None where they are not counted
    nonzeros : of weights, of activations
    """

    totals: dict[str, int]
    toggles: ToggleCounts | None
    nonzeros: tuple[int, int]
    outputs: OutputCheck


@dataclass(frozen=True, slots=True)
class Counted:
    """A layer that runs alone, before anything is timed.

    Attributes
    ----------
    requests : the runs of its tiles, where times depend on them
    tiles : WORK and these as the machine takes them
    """

    work: Table
    sums: Sums
    requests: Requests | None
    tiles: Inputs


def _outputs(
    trace: LayerTrace, weights: ZeroPolicy, activations: ZeroPolicy, bits: int, seed: int, chip: Accelerator
) -> OutputCheck:
    return check_outputs(trace, weights, activations, seed=seed, accumulator_bits=bits)


def _counted(
    given: LayerInput,
    prepared: str,
    sizes: Any,
    kept: tuple[bool, bool],
    plan: Plan,
    drawn: tuple[str, int, int],
    chip: Accelerator,
) -> Counted:
    """`prepared` and `drawn` are of the key alone: `given` holds them."""
    layer, found = given.trace.layer, with_kept(sizes, *kept)
    boxes, traffic = checked(plan, layer, chip, found)
    counters = given.reuse.value(TILE_COUNTS, chip, given.prepared_later, boxes, plan.spatial)
    work = work_table(boxes, counters, traffic)
    work.flags.writeable = False
    requests = plan_requests(plan, boxes, layer, chip, found) if needs_runs(chip) else None
    sums = sums_of(given, work, plan, chip, drawn[1:], stays=kept[1])
    return Counted(work, sums, requests, inputs(work, chip, requests))


OUTPUTS = Kind("checked outputs", _outputs, (), types=(OutputCheck,))
# What is worth a file of it has a kind of its own.
COUNTED = Kind("counted layers", _counted, COUNTED_KEYS, on_disk=False)


def counted_alone(
    given: LayerInput, node: LayerNode, index: int, plan: Plan, free: Accelerator, held: Held, seed: int
) -> Counted:
    """A layer of input `index` that runs alone; raises PlanError if the plan does not fit."""
    kept = node.input in held.kept, node.output in held.kept
    found: Counted = given.reuse.value(
        COUNTED,
        free,
        Aside(given),
        given.prepared_later.key,
        given.sizes_later,
        kept,
        plan,
        (given.toggles, seed, index),
    )
    return found


def sums_of(
    given: LayerInput, work: Table, plan: Plan, chip: Accelerator, drawn: tuple[int, int], stays: bool
) -> Sums:
    """What tiles add up to, audited.

    Parameters
    ----------
    drawn : seed of the run, and the number of the input
    stays : whether outputs stay in the scratchpad
    """
    array, reuse = chip.pe_array, given.reuse
    totals = {name: total for name, total in column_sums(work).items() if name not in BOX}
    check_work(work, totals, given.trace.layer, chip, stays)
    checked_as = array.weight_policy, array.activation_policy, array.accumulator_bits, drawn[0]
    return Sums(
        totals,
        _toggles(given, work, chip, plan, drawn),
        reuse.value(NONZEROS, chip, given.prepared_later),
        reuse.value(OUTPUTS, chip, given.trace, *checked_as),
    )


def work_table(boxes: Any, counters: Any, traffic: Any) -> Table:
    """The WORK table of tiles from their boxes, counters and traffic: int64 [tiles, columns] each."""
    work = np.zeros(len(boxes), WORK)
    for names, values in ((BOX, boxes), (COUNTERS, counters), (TRAFFIC, traffic)):
        for i, name in enumerate(names):
            work[name] = values[:, i]
    return work


def _toggles(
    given: LayerInput, work: Table, chip: Accelerator, plan: Plan, seed: tuple[int, int]
) -> ToggleCounts | None:
    """Toggles of the layer's tiles, if they are wanted; `seed`: the run's, and the number of the input.

    The order of tiles changes no count: sorted, they share a sample.
    """
    if given.toggles == "off":
        return None
    boxes, exact = np.stack([work[name] for name in BOX], axis=1), given.toggles == "exact"
    drawn = () if exact else (*seed, zlib.crc32(given.trace.layer.name.encode()))
    in_order = boxes[np.lexsort(boxes.T[::-1])]
    found: ToggleCounts = given.reuse.value(TOGGLES, chip, given.trace, in_order, plan.spatial, exact, drawn)
    return found
