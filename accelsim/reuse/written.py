"""Results as bytes and back: numbers, text, tuples, sets, dicts, arrays, and dataclasses that a kind names.

::

    length of the tree | tree as JSON, arrays by number | arrays as numpy writes them

Nothing is unpickled: what is read makes values of these kinds and nothing else.
"""

import dataclasses
import json
from collections.abc import Iterable
from io import BytesIO
from typing import Any

import numpy as np

_LENGTH = 8


def to_bytes(value: Any) -> bytes:
    """A result as bytes; raises TypeError if some part of it is of another kind."""
    arrays: list[Any] = []
    tree = json.dumps(_tree(value, arrays)).encode()
    into = BytesIO()
    into.write(len(tree).to_bytes(_LENGTH, "little") + tree)
    for array in arrays:
        np.save(into, array, allow_pickle=False)
    return into.getvalue()


def from_bytes(content: bytes, types: Iterable[type]) -> Any:
    """The result; raises ValueError or KeyError if it is none of these types' (of another program, say)."""
    known = {one.__name__: one for one in types}
    length = int.from_bytes(content[:_LENGTH], "little")
    tree = json.loads(content[_LENGTH : _LENGTH + length])
    rest, arrays = BytesIO(content[_LENGTH + length :]), []
    while rest.tell() < len(content) - _LENGTH - length:
        arrays.append(np.load(rest, allow_pickle=False))
    return _value(tree, arrays, known)


def _tree(value: Any, arrays: list[Any]) -> Any:
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, tuple):
        return {"tuple": [_tree(one, arrays) for one in value]}
    if isinstance(value, frozenset):
        return {"set": [_tree(one, arrays) for one in sorted(value)]}
    if isinstance(value, dict):
        return {"dict": [[_tree(key, arrays), _tree(one, arrays)] for key, one in value.items()]}
    if dataclasses.is_dataclass(value):
        fields = {f.name: _tree(getattr(value, f.name), arrays) for f in dataclasses.fields(value)}
        return {"type": type(value).__name__, "fields": fields}
    if type(value) in (bool, int, float, str, type(None)):
        return value
    raise TypeError(f"reuse: {type(value).__name__} is not written")


def _value(tree: Any, arrays: list[Any], known: dict[str, type]) -> Any:
    if not isinstance(tree, dict):
        return tree
    if "array" in tree:
        return arrays[tree["array"]]
    if "tuple" in tree:
        return tuple(_value(one, arrays, known) for one in tree["tuple"])
    if "set" in tree:
        return frozenset(_value(one, arrays, known) for one in tree["set"])
    if "dict" in tree:
        return {_value(key, arrays, known): _value(one, arrays, known) for key, one in tree["dict"]}
    fields = {name: _value(one, arrays, known) for name, one in tree["fields"].items()}
    return known[tree["type"]](**fields)
