"""Chips from YAML files and presets: every error at once, each with file, line and key.

::

    bytes --source--> values + places --overrides--> values --model--> Accelerator
                                                       |
                                                       +--> errors, each put at its place
"""

from collections.abc import Sequence
from math import isfinite, nan
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from accelsim.errors import HardwareError, nearest
from accelsim.hardware.arrays import ARRAYS
from accelsim.hardware.dram_model import DRAMS
from accelsim.hardware.model import Accelerator
from accelsim.hardware.source import MAX_BYTES, KeyPath, Source, read_source, scalar

# Of an array whose dataflow is missing or unknown: the chip's own key says so already.
_TAG_ERRORS = ("union_tag_invalid", "union_tag_not_found")
_TAGGED: dict[str, dict[str, Any]] = {"pe_array": ARRAYS, "dram": DRAMS}
_PRESETS = Path(__file__).parent / "presets"


def presets() -> dict[str, Path]:
    """The shipped chips: name -> YAML file, in order of name."""
    return {path.stem: path for path in sorted(_PRESETS.glob("*.yaml"))}


def load_hardware(path_or_preset: str | Path, overrides: Sequence[str] = ()) -> Accelerator:
    """Read a chip.

    Parameters
    ----------
    path_or_preset : a YAML file, or the name of one of `presets()`
    overrides : dotted keys with a YAML value each (`pe_array.rows=32`), applied in order

    Raises
    ------
    HardwareError
        With one line per error: `chip.yaml:14: pe_array.rows must be at least 1, not 0`.
    """
    shipped = presets()
    path = shipped.get(str(path_or_preset)) or Path(path_or_preset)
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise HardwareError(
            f"{path}: neither a file nor a shipped chip{nearest(str(path), shipped)}; "
            f"shipped: {', '.join(shipped)}"
        ) from error
    except (OSError, ValueError) as error:
        raise HardwareError(f"{path}: cannot read the chip: {error}") from error
    label = path.name if path.parent == _PRESETS else str(path)
    source = read_source(text, label)
    for override in overrides:
        _override(source, override)
    return _checked(source)


def _override(source: Source, override: str) -> None:
    place = f"--set {override}"
    dotted, equals, text = override.partition("=")
    path: KeyPath = tuple(dotted.strip().split("."))
    if not equals or not all(path):
        source.errors.append((None, f"{place}: must be key=value, as pe_array.rows=32"))
        return
    try:
        value = scalar(text)
    except ValueError as error:
        source.errors.append((path, f"{place}: {'.'.join(path)} {error}"))
        return
    values = source.values
    for depth, key in enumerate(path[:-1], start=1):
        values = values.setdefault(key, {})
        source.places.setdefault(path[:depth], place)
        if not isinstance(values, dict):
            source.errors.append((path, f"{place}: {'.'.join(path[:depth])} has no keys below it"))
            return
    values[path[-1]] = value
    source.places[path] = place
    # The value written in the file is replaced, and with it what was wrong with it.
    source.errors = [(where, message) for where, message in source.errors if where != path]


def _checked(source: Source) -> Accelerator:
    messages = [message for _, message in source.errors]
    unreadable = {path for path, _ in source.errors}
    chip = None
    try:
        chip = Accelerator.model_validate(source.values)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            path = _path(detail)
            if path not in unreadable and (detail["type"] not in _TAG_ERRORS or path == ("dram",)):
                messages.append(_message(path, detail, source))
    if messages or chip is None:
        raise HardwareError("\n".join(sorted(messages, key=_by_line)))
    return chip


def _path(detail: ErrorDetails) -> KeyPath:
    """Keys down to a value, without the name by which an array's or a DRAM's model was chosen."""
    path = tuple(str(part) for part in detail["loc"])
    tagged = len(path) > 1 and path[1] in _TAGGED.get(path[0], {})
    return (path[0], *path[2:]) if tagged else path


def _by_line(message: str) -> tuple[bool, int]:
    # File errors by line, then overrides in the order given (sorting is stable).
    if message.startswith("--set "):
        return True, 0
    line = message.split(": ", 1)[0].rpartition(":")[2]
    return False, int(line) if line.isdigit() else 0


def _message(path: KeyPath, detail: ErrorDetails, source: Source) -> str:
    kind, context, dotted = detail["type"], detail.get("ctx", {}), ".".join(path)
    parent = f"{'.'.join(path[:-1])}: " if path[:-1] else ""
    if kind in _TAG_ERRORS:  # of dram: its model is a key of the file
        if kind == "union_tag_not_found":
            return f"{source.place(path)}: {dotted}: missing key 'model'"
        return f"{source.place((*path, 'model'))}: {dotted}.model must be {_models()}, not {context['tag']!r}"
    if kind == "missing":
        return f"{source.place(path[:-1])}: {parent}missing key '{path[-1]}'"
    if kind == "extra_forbidden":
        known = _known(path[:-1], source.values)
        return (
            f"{source.place(path)}: {parent}unknown key '{path[-1]}'{nearest(path[-1], known)}; "
            f"known: {', '.join(known)}"
        )
    if kind == "value_error":
        # A validator's message begins with the key it is about, seen from its own part.
        text = str(context["error"])
        key = (*path, *text.split()[0].split("."))
        return f"{source.place(key)}: {dotted + '.' if path else ''}{text}"
    return f"{source.place(path)}: {dotted or 'a chip'} {_must(detail)}, not {_given(detail['input'])}"


def _must(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "greater_than_equal":
            return f"must be at least {context['ge']}"
        case "less_than_equal":
            return f"must be at most {context['le']}"
        case "literal_error":
            return f"must be {context['expected']}"
        case "int_type" | "int_from_float" | "int_parsing":
            return "must be an integer"
        case "bool_type":
            return "must be true or false"
        case "float_type":
            return f"must be a number{_hint(detail['input'])}"
        case "finite_number":
            return "must be a finite number"
        case "string_type":
            return "must be text"
        case "string_too_short":
            return "must not be empty"
        case "string_pattern_mismatch":
            return "must be letters, digits, '_', '.' and '-', beginning with a letter or digit"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be a mapping of keys"
    return detail["msg"]


def _hint(value: Any) -> str:
    # YAML 1.1 reads 1e3 as text.
    try:
        number = float(value) if isinstance(value, str) else nan
    except ValueError:
        return ""
    return f" (as {number!r})" if isfinite(number) else ""


def _given(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping of keys"
    if value is None:
        return "empty"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _models() -> str:
    return " or ".join(repr(name) for name in DRAMS)


def _known(path: KeyPath, values: dict[str, Any]) -> list[str]:
    part: type[BaseModel] = Accelerator
    for key in path:
        annotation: Any = part.model_fields[key].annotation
        if key == "pe_array":
            annotation = ARRAYS[values["dataflow"]]
        elif key == "dram":
            annotation = DRAMS[values["dram"]["model"]]
        assert isinstance(annotation, type)
        assert issubclass(annotation, BaseModel)
        part = annotation
    return [key for key, field in part.model_fields.items() if not field.exclude]
