"""A chip as rows of a report: every key, what it means, and where its value is from."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import BaseModel

from accelsim.hardware import Accelerator, load_hardware, presets

_LINE = re.compile(r"^(?P<indent> *)(?P<key>\w+): *(?P<value>[^#]*?) *(?:# *(?P<comment>.*))?$")
_CHANGED = "as given; the shipped chip of this name has {value}"


def chip_rows(chip: Accelerator) -> list[dict[str, str]]:
    """One row per key: `key`, `value`, `meaning`, `source`.

    The source is what the shipped file of the chip's name says beside a key of the same value; else the
    value is as the user gave it.
    """
    shipped = presets()
    said, values = ({}, {}) if chip.name not in shipped else _shipped(chip.name)
    rows = []
    for key, value, meaning in _keys(chip):
        source = "as given"
        if key in values:
            same = values[key] == value
            source = said.get(key, "default") if same else _CHANGED.format(value=values[key])
        rows.append(
            {"key": key, "value": "-" if value is None else str(value), "meaning": meaning, "source": source}
        )
    return rows


@cache
def _shipped(name: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Comments and values of a shipped chip, by dotted key."""
    path = presets()[name]
    said: dict[str, str] = {}
    part = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        found = _LINE.match(line)
        if not found:
            continue
        if not found["indent"]:
            part = found["key"]
        key = f"{part}.{found['key']}" if found["indent"] else part
        if found["value"] and found["comment"]:
            said[key] = found["comment"]
    return said, {key: value for key, value, _ in _keys(load_hardware(name))}


def _keys(part: BaseModel, before: str = "") -> Iterator[tuple[str, Any, str]]:
    for key, field in type(part).model_fields.items():
        if field.exclude:
            continue
        value = getattr(part, key)
        if isinstance(value, BaseModel):
            yield from _keys(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value, field.description or ""


def ideal_parts(chip: Accelerator) -> list[str]:
    """What this chip's file leaves ideal, one sentence each (docs/machine.md, docs/energy.md)."""
    told = []
    if chip.dram.model == "bandwidth":
        told.append(
            f"DRAM is a bandwidth and a latency (dram.model: bandwidth, "
            f"{100 * chip.dram.efficiency_fraction:g} % of the peak sustained): no banks, rows or refresh in "
            "the time; rows opened are estimated in the energy."
        )
    if not chip.dma.descriptor_cycles:
        told.append("DMA descriptors take no time (dma.descriptor_cycles: 0).")
    if chip.scratchpad.banks is None:
        told.append("Scratchpad banks never conflict (scratchpad.banks is not set).")
    told.append("Energy is an average over a layer or a run: no peaks of power, no temperature.")
    told.append("The area is without pads, DRAM controllers and the host's interface.")
    return told
