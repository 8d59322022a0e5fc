"""What a chip gives back: its hash, the schema of its file, and the file itself with comments."""

import hashlib
import json
from typing import Any

import yaml
from pydantic import BaseModel

from accelsim.hardware.arrays import ARRAYS
from accelsim.hardware.dram_model import BankedDram
from accelsim.hardware.model import Accelerator


def hardware_hash(chip: Accelerator) -> str:
    """sha256 (64 hex digits) of all that decides a result: every key but `name` and `description`."""
    values = chip.model_dump(mode="json", exclude={"name", "description"})
    if isinstance(chip.dram, BankedDram):  # a file of the same name may hold another device
        device = chip.dram.timing
        values["dram"]["table"] = [str(device.clock_ns), *device.clocks.values(), *device.sizes.values()]
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def schema() -> dict[str, Any]:
    """The JSON Schema of a chip's file, for editors."""
    made = Accelerator.model_json_schema()
    # Which array a chip has is told by its own `dataflow`: an array's is no key of the file.
    array = made["properties"]["pe_array"]
    made["properties"]["pe_array"] = {"anyOf": array["oneOf"], "title": array["title"]}
    for kind in ARRAYS.values():
        del made["$defs"][kind.__name__]["properties"]["dataflow"]
    made["allOf"] = [
        {
            "if": {"properties": {"dataflow": {"const": name}}},
            "then": {"properties": {"pe_array": {"$ref": f"#/$defs/{kind.__name__}"}}},
        }
        for name, kind in ARRAYS.items()
    ]
    return made


def to_yaml(chip: Accelerator) -> str:
    """A file that `load_hardware` reads as the same chip, each key commented with what it means."""
    return "\n".join([*_lines(chip, ""), ""])


def _lines(part: BaseModel, indent: str) -> list[str]:
    lines: list[str] = []
    for key, field in type(part).model_fields.items():
        if field.exclude:
            continue
        value = getattr(part, key)
        if isinstance(value, BaseModel):
            lines += ["", f"{indent}{key}:", *_lines(value, indent + "  ")]
        else:
            lines.append(f"{indent}{key}: {_scalar(value)}  # {field.description}")
    return lines


def _scalar(value: str | int | float) -> str:
    # PyYAML quotes the texts that would be read as something else, and ends a bare scalar with "...".
    # Three characters are line breaks to YAML only: they are escaped, lest the rest of the line is lost.
    breaks = isinstance(value, str) and any(character in value for character in "\x85\u2028\u2029")
    dumped = yaml.safe_dump(value, width=float("inf"), allow_unicode=not breaks)
    return dumped.removesuffix("\n...\n").rstrip("\n")
