"""YAML text of a chip as plain values, with the place of every key: what error messages point at.

Only what a chip needs is read: mappings of scalars. Anchors, aliases, tags, sequences, duplicate keys, deep
nesting and files over 1 MB are refused, so that a file from a stranger is data and nothing else.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from accelsim.errors import HardwareError

MAX_BYTES = 1_000_000
MAX_DEPTH = 8

KeyPath = tuple[str, ...]
_SCALAR_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null")}

_DECIMAL = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?\.(inf|nan)", re.I)


@dataclass(slots=True)
class Source:
    """A chip's values as written, where each key stands, and what was wrong with the text.

    `places` maps a path of keys to `file.yaml:14` or `--set key=value`; `errors` holds
    messages, each with the path whose value could not be read (None where it is about no one value).
    """

    label: str
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, str] = field(default_factory=dict)
    errors: list[tuple[KeyPath | None, str]] = field(default_factory=list)

    def place(self, path: KeyPath) -> str:
        """Where the key at `path` stands; for a key that does not, where its nearest parent does."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, f"{self.label}:1")


def read_source(text: bytes, label: str) -> Source:
    """Parse a file's bytes; raises HardwareError if they are not YAML of a chip's kind at all.

    Parameters
    ----------
    text : bytes of the file
    label : what messages call the file
    """
    if len(text) > MAX_BYTES:
        raise HardwareError(f"{label}: a chip's file has at most {MAX_BYTES} bytes, not {len(text)}")
    try:
        decoded = text.decode("utf-8-sig")
        refuse_aliases_and_depth(decoded, label)
        root = yaml.compose(decoded, yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise HardwareError(f"{label}: not UTF-8 text at byte {error.start}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise HardwareError(f"{label}:{line}: not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise HardwareError(f"{label}: not YAML: {' '.join(str(error).split())}") from error
    source = Source(label)
    if not isinstance(root, yaml.MappingNode):
        given = "an empty file" if root is None else _kind(root)
        raise HardwareError(f"{label}:1: a chip must be a mapping of keys, not {given}")
    source.values = _mapping(root, (), source)
    return source


def scalar(text: str) -> Any:
    """The value of one YAML scalar (`32`, `0.85`, `skip`); raises ValueError if `text` is none."""
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError:
        raise ValueError(f"must be a YAML value, not {text!r}") from None
    if node is None:
        return None
    if not isinstance(node, yaml.ScalarNode):
        raise ValueError(f"must be one value, not {_kind(node)}")
    return _scalar_value(node)


def refuse_aliases_and_depth(text: str, label: str) -> None:
    """Raise HardwareError at the first alias, or where a file is nested too deeply."""
    # Events come one by one: nothing is expanded and nothing recurses before it has been looked at.
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        assert event.start_mark is not None
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise HardwareError(f"{label}:{line}: YAML aliases are refused: *{event.anchor}")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise HardwareError(f"{label}:{line}: nested deeper than {MAX_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _mapping(node: yaml.MappingNode, path: KeyPath, source: Source) -> dict[str, Any]:
    source.places.setdefault(path, f"{source.label}:{node.start_mark.line + 1}")
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        place = f"{source.label}:{key_node.start_mark.line + 1}"
        if not isinstance(key_node, yaml.ScalarNode):
            source.errors.append((None, f"{place}: a key must be one word, not {_kind(key_node)}"))
            continue
        key = str(key_node.value)
        where = (*path, key)
        dotted = ".".join(where)
        if key in values:
            source.errors.append(
                (None, f"{place}: duplicate key '{dotted}', already given at {source.places[where]}")
            )
            continue
        source.places[where] = place
        if isinstance(value_node, yaml.MappingNode):
            values[key] = _mapping(value_node, where, source)
            continue
        values[key] = None  # an unreadable value is still given, not missing
        if not isinstance(value_node, yaml.ScalarNode):
            source.errors.append((where, f"{place}: {dotted} must be one value, not {_kind(value_node)}"))
            continue
        try:
            values[key] = _scalar_value(value_node)
        except ValueError as error:
            source.errors.append((where, f"{place}: {dotted} {error}"))
    return values


def _scalar_value(node: yaml.ScalarNode) -> Any:
    if node.tag not in _SCALAR_TAGS:
        raise ValueError(f"must be a number or text, not {node.value!r} of YAML type {node.tag}")
    # YAML 1.1 would read 010 as 8, 1:30 as 90 and 1_0 as 10.
    if node.tag.endswith((":int", ":float")) and not _DECIMAL.fullmatch(node.value):
        raise ValueError(f"must be written as a decimal number, not {node.value!r}")
    try:
        return yaml.SafeLoader("").construct_object(node, deep=True)
    except (ValueError, OverflowError, yaml.YAMLError) as error:
        raise ValueError(f"must be a YAML value, not {node.value!r}") from error


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return "a mapping" if isinstance(node, yaml.MappingNode) else repr(node.value)
