"""Conditions of a study: arithmetic and comparisons over a chip's keys and a run's figures, nothing else.

::

    scratchpad.capacity_bytes <= 1e6 and pe_array.rows * pe_array.columns >= 256

The text is parsed to a tree, of which a few kinds of nodes are walked; nothing in it is ever executed.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from accelsim.errors import InputError, nearest

_MOST_CHARACTERS = 1000
_TWO: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ONE: dict[type[ast.AST], Callable[[Any], Any]] = {ast.USub: operator.neg, ast.Not: operator.not_}


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that has been read: its text, its tree, the names in it."""

    text: str
    tree: ast.expr
    names: frozenset[str]

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it is true of these values by dotted name.

        Raises
        ------
        InputError
            If a name has no value, or two values cannot be compared.
        """
        return bool(self._value(self.tree, values))

    def _value(self, node: ast.expr, values: Mapping[str, Any]) -> Any:
        match node:
            case ast.Constant():
                return node.value
            case ast.Name() | ast.Attribute():
                name = _dotted(node)
                if name not in values:
                    raise InputError(f"{self.text!r}: unknown name {name!r}{nearest(name, values)}")
                return values[name]
            case ast.UnaryOp():
                return self._apply(_ONE[type(node.op)], self._value(node.operand, values))
            case ast.BinOp():
                two = self._value(node.left, values), self._value(node.right, values)
                return self._apply(_TWO[type(node.op)], *two)
            case ast.BoolOp():
                parts = (self._value(part, values) for part in node.values)
                return all(parts) if isinstance(node.op, ast.And) else any(parts)
            case ast.Compare():
                left = self._value(node.left, values)
                for op, part in zip(node.ops, node.comparators, strict=True):
                    right = self._value(part, values)
                    if not self._apply(_TWO[type(op)], left, right):
                        return False
                    left = right
                return True
        raise AssertionError(node)  # `read` lets no other node pass

    def _apply(self, what: Callable[..., Any], *values: Any) -> Any:
        try:
            return what(*values)
        except (TypeError, ZeroDivisionError, OverflowError) as error:
            given = " and ".join(repr(value) for value in values)
            raise InputError(f"{self.text!r}: cannot be computed with {given}: {error}") from error


def condition(text: str) -> Condition:
    """Read a condition.

    Raises
    ------
    InputError
        If it is no comparison of names and numbers; the message names what is not allowed.
    """
    if len(text) > _MOST_CHARACTERS:
        raise InputError(f"a condition has at most {_MOST_CHARACTERS} characters, not {len(text)}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        told = error.msg if isinstance(error, SyntaxError) else str(error)
        raise InputError(f"{text!r}: not a condition: {told}") from error
    names: set[str] = set()
    _allow(tree, text, names)
    return Condition(text, tree, frozenset(names))


def _allow(node: ast.expr, text: str, names: set[str]) -> None:
    """Raise InputError at the first node that conditions do not have; collect names."""
    match node:
        case ast.Constant(value=bool() | int() | float() | str()):
            return
        case ast.Name() | ast.Attribute():
            if (name := _dotted(node)) is not None:
                if "__" in name:
                    raise InputError(f"{text!r}: the name {name!r} is not allowed")
                names.add(name)
                return
        case ast.UnaryOp() if type(node.op) in _ONE:
            return _allow(node.operand, text, names)
        case ast.BinOp() if type(node.op) in _TWO:
            _allow(node.left, text, names)
            return _allow(node.right, text, names)
        case ast.BoolOp():
            for part in node.values:
                _allow(part, text, names)
            return
        case ast.Compare() if all(type(op) in _TWO for op in node.ops):
            for part in (node.left, *node.comparators):
                _allow(part, text, names)
            return
    raise InputError(
        f"{text!r}: {ast.unparse(node)!r} is not allowed: names, numbers, text, + - * / // %, comparisons, "
        "and, or, not are"
    )


def _dotted(node: ast.expr) -> Any:
    """`pe_array.rows` of the nodes that make it; None of anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value)) is not None:
        return f"{before}.{node.attr}"
    return None
