"""The points of a study: samplers, constraints, chips, keys; what is wrong is told before any point runs."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from accelsim.errors import HardwareError, InputError, nearest
from accelsim.hardware import Accelerator, load_hardware
from accelsim.reuse import DISK_BYTES
from accelsim.study.conditions import condition
from accelsim.study.points import Point, point_key
from accelsim.study.samplers import Point as Settings
from accelsim.study.samplers import grid, latin_hypercube
from accelsim.study.study_file import Study, place
from accelsim.study.traces import TraceFile, trace_file
from accelsim.version import code_version


@dataclass(frozen=True, slots=True)
class Chosen:
    """A point before its chip is made: what is kept of each while a study runs."""

    number: int
    key: str
    settings: Settings
    workload: int


class Space:
    """All points that a study may run.

    Parameters
    ----------
    study, text, file : as of `read_study`, for messages
    reuse_bytes : of every point; None: as the study says

    Raises
    ------
    InputError
        If the base, a workload or a name in a condition is wrong; with file and line.
    """

    def __init__(self, study: Study, text: str, file: str, reuse_bytes: int | None = None) -> None:
        self.study = study
        default = DISK_BYTES if study.reuse else 0
        self._reuse_bytes = default if reuse_bytes is None else reuse_bytes
        self._text, self._file = text, file
        base = self._base()
        self._nested = base.model_dump()
        self._values = dict(dotted(self._nested))
        self._constraints = [condition(given) for given in study.constraints]
        self._check_names()
        self.traces = [self._trace(i, name) for i, name in enumerate(study.workloads)]
        self.excluded = 0

    def chosen(self) -> list[Chosen]:
        """Every point that the sampler gives and the constraints allow, in order; counts the others.

        Raises
        ------
        InputError
            If one of them has no chip: an unknown key, a value that cannot be; with file and line.
        """
        self.excluded = 0
        found: list[Chosen] = []
        for settings in self._sampled():
            if not self.allows(settings):
                self.excluded += len(self.traces)
                continue
            found += self.choose(settings, len(found))
        return found

    def choose(self, settings: Settings, number: int) -> list[Chosen]:
        """The points of these settings, one per workload, numbered from `number`."""
        chip = self.chip(settings)
        mapping = self.study.mapping
        return [
            Chosen(number + i, point_key(chip, trace.content_hash, mapping), settings, i)
            for i, trace in enumerate(self.traces)
        ]

    def allows(self, settings: Settings) -> bool:
        """Whether every constraint holds."""
        for i, one in enumerate(self._constraints):
            try:
                if not one.holds(self.values_of(settings)):
                    return False
            except InputError as error:
                raise InputError(f"{self._place('constraints', i)}: {error}") from error
        return True

    def values_of(self, settings: Settings) -> Mapping[str, Any]:
        """The base's values by dotted key, with a point's settings."""
        return self._values | settings

    def chip(self, settings: Settings) -> Accelerator:
        """The base with a point's settings; raises InputError with file and line."""
        values = deepcopy(self._nested)
        try:
            for key, value in settings.items():
                *parents, last = key.split(".")
                part = values
                for parent in parents:
                    part = part.setdefault(parent, {})
                part[last] = value
            return Accelerator.model_validate(values)
        except (ValidationError, TypeError, AttributeError) as error:
            raise InputError(self._told(settings)) from error

    def point(self, chosen: Chosen) -> Point:
        """What a worker is sent."""
        chip = self.chip(chosen.settings)
        values = dict(dotted(chip.model_dump()))
        columns = {name: values.get(name) for name in self.study.axis_names}
        return Point(
            number=chosen.number,
            key=chosen.key,
            settings=columns | {"workload": self.study.workloads[chosen.workload]},
            chip=chip,
            trace=self.traces[chosen.workload],
            mapping=self.study.mapping,
            keep=self.study.keep,
            code=code_version(),
            reuse_bytes=self._reuse_bytes,
        )

    def check_objectives(self, figures: Mapping[str, Any]) -> None:
        """Raise InputError, with file and line, at an objective that is none of a run's figures."""
        for i, objective in enumerate(self.study.objectives):
            if not isinstance(figures.get(objective.figure), int | float):
                raise InputError(
                    f"{self._place('objectives', i)}: {objective.figure!r} is no figure of a run"
                    f"{nearest(objective.figure, figures)}"
                )

    def _sampled(self) -> Iterator[Settings]:
        sampler = grid if self.study.sampler.kind == "grid" else latin_hypercube
        try:
            yield from sampler(self.study, self.values_of)
        except InputError as error:
            raise InputError(f"{self._place('axes')}: {error}") from error

    def _base(self) -> Accelerator:
        overrides = _overrides(self.study.set)
        try:
            load_hardware(self.study.base)
        except HardwareError as error:
            raise InputError(f"{self._place('base')}: {error}") from error
        try:
            return load_hardware(self.study.base, overrides)
        except HardwareError as error:
            raise InputError(f"{self._place('set')}: {error}".replace("--set ", "")) from error

    def _trace(self, i: int, name: str) -> TraceFile:
        try:
            return trace_file(name, self.study.mapping.seed)
        except InputError as error:
            raise InputError(f"{self._place('workloads', i)}: {error}") from error

    def _check_names(self) -> None:
        known = self._values | dict.fromkeys(self.study.axis_names, 1)
        given: list[tuple[tuple[str | int, ...], str]] = [
            (("axes", i, "when"), axis.when) for i, axis in enumerate(self.study.axes) if axis.when
        ]
        given += [(("constraints", i), text) for i, text in enumerate(self.study.constraints)]
        for where, text in given:
            for name in sorted(condition(text).names):
                try:
                    condition(name).holds(known)
                except InputError as error:
                    raise InputError(f"{self._place(*where)}: {error}") from error

    def _told(self, settings: Settings) -> str:
        """Why these settings make no chip: each error at the axis that it is about."""
        overrides = _overrides(settings)
        try:
            load_hardware(self.study.base, [*_overrides(self.study.set), *overrides])
        except HardwareError as error:
            lines = str(error).splitlines()
        else:
            lines = ["no chip has these keys"]
        told = []
        for line in lines:
            at = next((o for o in overrides if line.startswith(f"--set {o}: ")), None)
            if at is None:
                told.append(f"{self._place('axes')}: {', '.join(overrides)}: {line}")
                continue
            key = at.partition("=")[0]
            axis = next(i for i, one in enumerate(self.study.axes) if key in one.names)
            told.append(f"{self._place('axes', axis)}: {line.removeprefix(f'--set {at}: ')}")
        return "\n".join(told)

    def _place(self, *where: str | int) -> str:
        return place(self._text, self._file, *where)


def dotted(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Values by dotted key: `pe_array.rows`."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from dotted(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _overrides(settings: Mapping[str, Any]) -> list[str]:
    """As of the command line: `pe_array.rows=32`."""
    return [f"{key}={json.dumps(value)}" for key, value in settings.items()]  # JSON's scalars are YAML's
