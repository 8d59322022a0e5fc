"""Which points of a study's axes are run: the whole grid, or a Latin hypercube of it.

A point is a dict of key -> value. An axis whose `when` does not hold at a point leaves its keys out, so that
the base's values stay; points that become equal by this are one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np

from accelsim.study.conditions import condition
from accelsim.study.study_file import Axis, Study, Value

Point = dict[str, Value]
# The values of a chip with a point's settings, by dotted key.
ValuesOf = Callable[[Point], Mapping[str, Any]]


def grid(study: Study, values_of: ValuesOf) -> Iterator[Point]:
    """Every point of the grid, the last axis fastest."""
    yield from _distinct(
        _with_conditions(study.axes, steps, values_of) for steps in product(*(a.steps() for a in study.axes))
    )


def latin_hypercube(study: Study, values_of: ValuesOf) -> Iterator[Point]:
    """`sampler.points` points, of which each axis has its steps equally often, in seeded order.

    McKay, Beckman and Conover, Technometrics 21(2), 1979. Points that coincide are one, so that there may be
    fewer.
    """
    many, generator = study.sampler.points or 0, np.random.default_rng(study.sampler.seed)
    steps = [axis.steps() for axis in study.axes]
    strata = [generator.permutation(many) for _ in steps]
    chosen = [
        [
            of[int((stratum[i] + generator.random()) * len(of) / many)]
            for of, stratum in zip(steps, strata, strict=True)
        ]
        for i in range(many)
    ]
    yield from _distinct(_with_conditions(study.axes, one, values_of) for one in chosen)


def _with_conditions(axes: Iterable[Axis], steps: Iterable[Point], values_of: ValuesOf) -> Point:
    """The settings of a point, axis by axis: a condition sees those before its own."""
    point: Point = {}
    for axis, step in zip(axes, steps, strict=True):
        if axis.when is None or condition(axis.when).holds(values_of(point)):
            point |= step
    return point


def _distinct(points: Iterable[Point]) -> Iterator[Point]:
    seen = set()
    for point in points:
        items = tuple(point.items())
        if items not in seen:
            seen.add(items)
            yield point
