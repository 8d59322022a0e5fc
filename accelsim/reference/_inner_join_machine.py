"""The broadcast domains of `inner_join`, stepped cycle by cycle: sender, queues, PEs, drain.

::

    scratchpad --> staging buffer --> queue --> lanes that step together --> accumulators --> drain
                   (one step)         (d steps)                              (two sets)

In each cycle, in this order: what ended is finished (steps, then drained sets), idle lanes start the
oldest step of their queue, the sender sends, and every lane of every PE works or waits with a cause.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import zip_longest

from accelsim.hardware.arrays import InnerJoinArray, of_kind
from accelsim.hardware.model import Accelerator
from accelsim.reference._inner_join_drain import Drain
from accelsim.reference._inner_join_stream import Place, Step

LaneLabels = tuple[str, ...]


def pair_outcome(weight_nonzero: bool, activation_nonzero: bool, array: InnerJoinArray) -> str:
    """What the policies make of a pair: `mac`, `zero_mac`, `gated` or `skipped` (skip wins over gate)."""
    policies = set()
    if not weight_nonzero:
        policies.add(array.weight_policy)
    if not activation_nonzero:
        policies.add(array.activation_policy)
    if not policies:
        return "mac"
    if "skip" in policies:
        return "skipped"
    return "gated" if "gate" in policies else "zero_mac"


@dataclass(slots=True, eq=False)
class LaneGroup:
    """Lanes of a PE that step together: all of them, or one with `lane_sync: set`.

    Attributes
    ----------
    offsets : slice, the elements of a chunk that belong to these lanes
    queue : (index in the stream, cycle of sending) of the steps that wait
    step_index : of the step that is worked on or ended last
    cycles : labels of the lanes in the cycles left of the step that is worked on
    ended_steps : int
    """

    pe: "Pe"
    width: int
    offsets: slice
    queue: deque[tuple[int, int]] = field(default_factory=deque)
    step_index: int = -1
    cycles: deque[LaneLabels] = field(default_factory=deque)
    busy: bool = False
    ended_steps: int = 0


@dataclass(slots=True, eq=False)
class Pe:
    """A PE and the tile's sets in which it is mapped.

    Attributes
    ----------
    place : None if the unrolling leaves the PE out
    sets : indices of those sets in the tile, ascending
    ended_sets : int, how many of them its slowest lane has ended
    """

    place: Place | None
    sets: list[int]
    groups: list[LaneGroup] = field(default_factory=list)
    ended_sets: int = 0


class Domain:
    """One broadcast domain: a sender, its PEs and the drain of their accumulators.

    Parameters
    ----------
    steps : the domain's stream
    pes : the PEs of the domain, mapped or not
    parts : int, parts of each output's reduction
    tile_sets : int, sets of the tile
    counts : counters of the tile, added to
    lane_cycles : lane-cycles by cause, added to
    """

    def __init__(
        self,
        steps: list[Step],
        pes: list[Pe],
        parts: int,
        tile_sets: int,
        chip: Accelerator,
        counts: dict[str, int],
        lane_cycles: Counter[str],
    ) -> None:
        self._steps = steps
        self._tile_sets = tile_sets
        self._chip = chip
        self._array = of_kind(chip.pe_array, InnerJoinArray)
        self._counts = counts
        self._lane_cycles = lane_cycles
        self._outcomes = {
            (weight, activation): pair_outcome(bool(weight), bool(activation), self._array)
            for weight in (0, 1)
            for activation in (0, 1)
        }
        self._groups = [group for pe in pes for group in self._lane_groups(pe)]
        self._receivers = {pe.place: pe.groups for pe in pes if pe.place is not None}
        # The sender: its next step, the bytes staged for it, when each step could first have been sent.
        self._next = 0
        self._staged_bytes = 0
        self._sendable_cycle: list[int] = []
        # A slot of the queues is free once everyone who got its step has started it.
        self._unstarted = [0] * self._array.queue_depth
        # By set of the stream: lane groups that have not ended it.
        opening = [step for step in steps if step.opens_set]
        self._unended = [step.outputs * parts * self._groups_per_pe for step in opening]
        self._unended_total = sum(self._unended)
        outputs_per_cycle = chip.postprocessor.drain_elements_per_cycle
        self.drain = Drain([step.outputs for step in opening], parts, outputs_per_cycle)
        self._steps_per_set = len(steps) // len(opening) if opening else 1

    @property
    def computing(self) -> bool:
        """Whether a step is still to be ended."""
        return self._unended_total > 0

    @property
    def _groups_per_pe(self) -> int:
        return self._array.lanes if self._array.lane_sync == "set" else 1

    def _lane_groups(self, pe: Pe) -> list[LaneGroup]:
        lanes = self._array.lanes
        if self._array.lane_sync == "set":
            pe.groups = [LaneGroup(pe, 1, slice(lane, None, lanes)) for lane in range(lanes)]
        else:
            pe.groups = [LaneGroup(pe, lanes, slice(None))]
        return pe.groups

    def advance(self, cycle: int) -> None:
        """The edge at which `cycle` begins: finish, drain, start, send."""
        for group in self._groups:
            if group.busy and not group.cycles:
                self._finish(group)
        self.drain.finish()
        for group in self._groups:
            if group.queue and not group.busy:
                self._start_if_able(group, cycle)
        self._send_if_able(cycle)

    def _finish(self, group: LaneGroup) -> None:
        group.busy = False
        group.ended_steps += 1
        step = self._steps[group.step_index]
        if step.closes_set:
            self._unended[step.set_ordinal] -= 1
            self._unended_total -= 1
            group.pe.ended_sets = min(sister.ended_steps for sister in group.pe.groups) // self._steps_per_set

    def _start_if_able(self, group: LaneGroup, cycle: int) -> None:
        index, sent_cycle = group.queue[0]
        if cycle < sent_cycle + self._array.queue_latency_cycles:
            return
        step = self._steps[index]
        if step.opens_set and group.pe.ended_sets * self._steps_per_set < group.ended_steps:
            return  # a sister lane still works on the set before
        group.queue.popleft()
        group.step_index = index
        group.busy = True
        group.cycles.extend(self._match(group, step))
        self._unstarted[index % self._array.queue_depth] -= 1

    def _match(self, group: LaneGroup, step: Step) -> list[LaneLabels]:
        """Labels of the group's lanes in each cycle of the step, after counting its pairs."""
        assert group.pe.place is not None
        weight, activation = step.chunks(group.pe.place)
        outcomes = [
            self._outcomes[pair]
            for pair in zip(weight.nonzero[group.offsets], activation.nonzero[group.offsets], strict=True)
        ]
        done = outcomes.count("mac") + outcomes.count("zero_mac")
        masks = (self._array.weight_policy != "compute") + (self._array.activation_policy != "compute")
        counts = self._counts
        counts["dense_macs"] += len(outcomes)
        counts["done_macs"] += done
        counts["gated_macs"] += outcomes.count("gated")
        counts["skipped_macs"] += outcomes.count("skipped")
        counts["effectual_macs"] += outcomes.count("mac")
        counts["mask_bits_read"] += masks * len(outcomes)
        counts["weight_operand_reads"] += done
        counts["padding_operand_reads" if activation.padding else "activation_operand_reads"] += done
        cycles = self._schedule(outcomes, group.width)
        counts["accumulator_updates"] += sum("mac" in lanes or "zero_mac" in lanes for lanes in cycles)
        return cycles

    def _schedule(self, outcomes: list[str], width: int) -> list[LaneLabels]:
        """Which pair each of `width` lanes works on in each cycle: tuple[width] per cycle, at least one."""
        if self._array.lane_assignment == "pooled":
            slots = [outcome for outcome in outcomes if outcome != "skipped"]
            by_lane = [slots[lane::width] for lane in range(width)]
        else:
            by_lane = [
                [outcome for outcome in outcomes[lane::width] if outcome != "skipped"]
                for lane in range(width)
            ]
        return list(zip_longest(*by_lane, fillvalue="lane_idle")) or [("empty_step",) * width]

    def _send_if_able(self, cycle: int) -> None:
        if self._next == len(self._steps):
            return
        step, depth = self._steps[self._next], self._array.queue_depth
        self._staged_bytes += self._array.array_feed_bytes_per_cycle
        # Accumulators are double: a set opens when the set before the last one is drained.
        accumulators_free = not step.opens_set or self.drain.drained_sets >= step.set_ordinal - 1
        if self._unstarted[self._next % depth] or not accumulators_free:
            return
        if len(self._sendable_cycle) == self._next:
            self._sendable_cycle.append(cycle)
        # The first step was staged while the tile before was computed.
        if self._next and self._staged_bytes < step.scratchpad_bytes:
            return
        for place in step.places:
            for group in self._receivers[place]:
                group.queue.append((self._next, cycle))
                self._unstarted[self._next % depth] += 1
        self._count_sent(step)
        self._next += 1
        self._staged_bytes = 0

    def _count_sent(self, step: Step) -> None:
        counts, word_bytes = self._counts, self._chip.scratchpad.word_bytes
        counts["steps"] += 1
        if step.opens_set:
            counts["outputs"] += step.outputs
        sent = [("weight", chunk, len(step.columns)) for chunk in step.weights.values()]
        sent += [
            ("activation", chunk, step.receivers(group)) for (group, *_), chunk in step.activations.items()
        ]
        for operand, chunk, receivers in sent:
            counts[f"{operand}_scratchpad_read_bytes"] += chunk.scratchpad_bytes
            counts[f"{operand}_scratchpad_reads"] += -(-chunk.scratchpad_bytes // word_bytes)
            counts[f"{operand}_queue_write_bytes"] += chunk.queue_bytes * receivers

    def work(self, cycle: int, tail_cause: str | None) -> None:
        """Spend `cycle`: every lane works or waits, the drain takes outputs, the tree adds their parts.

        Parameters
        ----------
        tail_cause : why all lanes wait; None as long as any PE of the tile has a step left to end
        """
        set_ended = not self.drain.drained and self._unended[self.drain.drained_sets] == 0
        self._counts["accumulator_updates"] += self.drain.step(set_ended=set_ended)
        for group in self._groups:
            if group.busy:
                for label in group.cycles.popleft():
                    self._lane_cycles[label] += 1
            else:
                self._lane_cycles[tail_cause or self._idle_cause(group, cycle)] += group.width

    def _idle_cause(self, group: LaneGroup, cycle: int) -> str:
        """Why an idle group does not work in `cycle`, while some PE of the tile still has work."""
        pe = group.pe
        if group.ended_steps % self._steps_per_set == 0:
            ended_sets = group.ended_steps // self._steps_per_set
            if pe.ended_sets < ended_sets:
                return "lane_idle"  # waits for a sister lane at the end of the set
            before = pe.sets[ended_sets - 1] if ended_sets else -1
            after = pe.sets[ended_sets] if ended_sets < len(pe.sets) else self._tile_sets
            if after - before > 1:
                return "unmapped"
            if ended_sets == 0:
                return "fill"
            if ended_sets == len(pe.sets):
                return "imbalance"
        # The step it waits for could have arrived by now if its bytes took one cycle: blame the bytes.
        awaited = group.step_index + 1
        if len(self._sendable_cycle) > awaited:
            on_time_cycle = self._sendable_cycle[awaited] + self._array.queue_latency_cycles
            if cycle >= on_time_cycle:
                return "send_wait"
        return "queue_wait"
