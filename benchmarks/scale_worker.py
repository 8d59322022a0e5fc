"""A worker that evaluates its first point and answers every other one with the same figures, at once."""

from dataclasses import replace

from accelsim.study.points import Outcome, Point, evaluate

_FIRST: list[Outcome] = []


def answered(point: Point, content: bytes | None = None) -> Outcome:
    """What is left of a point without its simulation: messages, the driver, the store."""
    if not _FIRST:
        _FIRST.append(evaluate(point, content))
    first = _FIRST[0]
    return first if point.keep.layers else replace(first, layers=None)
