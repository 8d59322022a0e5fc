"""Which single changes of a chip its lost lane-cycles suggest; each makes a chip that can be built.

::

    lane-cycles by cause, most first -> the keys that a cause stands for -> doubled, halved, set -> a chip?

A key that the chip has not, or that is so already, is no change; neither is a value that the chip refuses.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from accelsim.hardware import Accelerator
from accelsim.study.space import dotted
from accelsim.study.study_file import MappingOptions

LEAST_SHARE = 0.05  # of lane-cycles: a cause with less is not worth a run
MOST = 6
_MAPPING = "mapping."


@dataclass(frozen=True, slots=True)
class _Times:
    """A value so many times what it is; a whole number stays one."""

    factor: float

    def of(self, value: float) -> float:
        return int(value * self.factor) if isinstance(value, int) else value * self.factor


_TWICE, _HALF = _Times(2), _Times(0.5)
_SKIP_WEIGHTS = {"pe_array.weight_policy": "skip", "encodings.weights": "bitmask"}
_SKIP_ACTIVATIONS = {"pe_array.activation_policy": "skip", "encodings.activations": "bitmask"}
_BANDWIDTH = {"dram.peak_gb_per_s": _TWICE}
_CHANNELS = {"dram.channels": _TWICE}
_CAPACITY = {f"scratchpad.{name}_bytes": _TWICE for name in ("capacity", "weight", "activation", "output")}
_MORE_WORK_A_STEP = {"pe_array.chunk_elements": _TWICE}
_FLEXIBLE = {"pe_array.unrolling": "flexible"}
_BALANCED = {f"{_MAPPING}balance_filters": True}
_DEEPER_QUEUES = {"pe_array.queue_depth": _TWICE}
_FEED = {
    f"pe_array.{name}": _TWICE
    for name in ("array_feed_bytes_per_cycle", "weights_per_cycle", "activations_per_cycle", "sums_per_cycle")
}
# By cause, the most promising first.
SUGGESTED: dict[str, tuple[Mapping[str, Any], ...]] = {
    "mac": ({"pe_array.rows": _TWICE}, {"pe_array.lanes": _TWICE}),
    "zero_mac": (_SKIP_WEIGHTS, _SKIP_ACTIVATIONS),
    "gated": (_SKIP_ACTIVATIONS, _SKIP_WEIGHTS),
    "lane_idle": ({"pe_array.lane_assignment": "pooled", "pe_array.lane_sync": "step"}, _MORE_WORK_A_STEP),
    "empty_step": (_MORE_WORK_A_STEP,),
    "queue_wait": (_DEEPER_QUEUES, _BALANCED),
    "send_wait": (_FEED,),
    "conflict": ({"pe_array.banks": _TWICE}, {"pe_array.bank_queue_depth": _TWICE}),
    "imbalance": (_BALANCED, _FLEXIBLE, _DEEPER_QUEUES),
    "unmapped": (_FLEXIBLE,),
    "fill": ({"pe_array.overlap": True}, {"pe_array.pipeline_cycles": _HALF}),
    "drain_wait": (_BANDWIDTH, _CHANNELS, {"postprocessor.drain_elements_per_cycle": _TWICE}, _CAPACITY),
    "scratchpad_wait": ({"scratchpad.banks": _TWICE}, {"scratchpad.ports": "separate"}),
    "descriptor_wait": ({"dma.descriptor_cycles": _HALF},),
    "fetch_wait": (_BANDWIDTH, _CHANNELS, _CAPACITY, {"dram.latency_ns": _HALF}),
    "postprocess": ({"postprocessor.elements_per_cycle": _TWICE},),
}


@dataclass(frozen=True, slots=True)
class Relaxation:
    """One change, and the chip and the mapping options that it makes.

    Attributes
    ----------
    words : `dram.peak_gb_per_s 12.8 to 25.6`
    short : `2x dram.peak_gb_per_s`
    cause : the cause of lane-cycles that suggests it
    """

    words: str
    short: str
    cause: str
    chip: Accelerator
    mapping: MappingOptions


def relaxations(
    chip: Accelerator, mapping: MappingOptions, shares: Mapping[str, float], most: int = MOST
) -> list[Relaxation]:
    """Up to `most` changes, those of the cause with most lane-cycles first; `shares` of them by cause."""
    values = dict(dotted(chip.model_dump())) | dict(dotted({"mapping": mapping.model_dump()}))
    ranked = sorted(shares, key=lambda cause: -shares[cause])
    causes = [cause for cause in ranked if shares[cause] >= LEAST_SHARE]
    found: dict[tuple[tuple[str, Any], ...], Relaxation] = {}
    for cause in causes:
        for suggested in SUGGESTED[cause]:
            changes = _changes(values, suggested)
            identity = tuple(sorted(changes.items()))
            if not changes or identity in found or len(found) == most:
                continue
            made = _made(chip, mapping, changes)
            if made is not None:
                words = ", ".join(f"{key} {_text(values[key])} to {_text(to)}" for key, to in changes.items())
                found[identity] = Relaxation(words, _short(changes, suggested), cause, *made)
    return list(found.values())


def _changes(values: Mapping[str, Any], suggested: Mapping[str, Any]) -> dict[str, Any]:
    """What a suggestion sets on this chip: nothing where the chip lacks one of the keys it would set."""
    changes = {}
    for key, wanted in suggested.items():
        value = values.get(key)
        if isinstance(wanted, _Times):
            if value and wanted.of(value) != value:  # of keys that only some chips have, those of this one
                changes[key] = wanted.of(value)
        elif key not in values:
            return {}
        elif value != wanted:
            changes[key] = wanted
    return changes


def _made(
    chip: Accelerator, mapping: MappingOptions, changes: Mapping[str, Any]
) -> tuple[Accelerator, MappingOptions] | None:
    """The chip and the options with these changes; None where the chip refuses them."""
    values, options = deepcopy(chip.model_dump()), mapping.model_dump()
    for key, value in changes.items():
        if key.startswith(_MAPPING):
            options[key.removeprefix(_MAPPING)] = value
            continue
        *parents, last = key.split(".")
        part = values
        for parent in parents:
            part = part[parent]
        part[last] = value
    try:
        return Accelerator.model_validate(values), MappingOptions.model_validate(options)
    except ValidationError:
        return None


def _short(changes: Mapping[str, Any], suggested: Mapping[str, Any]) -> str:
    first = next(iter(changes))
    if isinstance(times := suggested[first], _Times):
        return f"{times.factor:g}x {first}"
    return ", ".join(f"{key} {_text(value)}" for key, value in changes.items())


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
