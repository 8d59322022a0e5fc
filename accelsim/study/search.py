"""Points chosen by what earlier ones gave: optuna's multi-objective TPE, asked and told.

::

    ask    -> a step of every axis whose condition holds -> constraints -> a point for each workload
    tell   <- the objectives, summed over the workloads; over a budget: not feasible; failed: no values

A point that was asked for before is not run again: after a few of them one is drawn at random. The store's
points are told first, so that a search goes on where it ended; with one worker a search is repeatable, with
more it depends on who comes back first.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from accelsim.errors import InputError
from accelsim.study.conditions import condition
from accelsim.study.samplers import Point as Settings
from accelsim.study.space import Chosen, Space
from accelsim.study.store import DONE, Store
from accelsim.study.stored_point import settings_of

_MOST_REPEATED = 20  # answers that are no new point, before one is drawn at random
_MOST_DRAWN = 1000  # draws without a new point, before a search ends with fewer


@dataclass(slots=True)
class _Trial:
    """A point that was asked for: its workloads that are out, and their sums so far."""

    trial: Any
    out: set[int]
    values: list[float]
    feasible: bool = True
    failed: bool = False


@dataclass(slots=True)
class _State:
    """What is asked, by number of a point and by settings."""

    trials: dict[int, _Trial] = field(default_factory=dict)
    seen: set[tuple[tuple[str, Any], ...]] = field(default_factory=set)
    count: int = 0


class Search:
    """The points of a study whose sampler is optuna, in the order they are asked for.

    Raises
    ------
    InputError
        If optuna is not installed.
    """

    def __init__(self, space: Space, store: Store) -> None:
        try:
            import optuna
        except ImportError as error:
            raise InputError("sampler optuna needs optuna: pip install 'accelsim[search]'") from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space, self._state, self._optuna = space, _State(), optuna
        study = space.study
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # optuna calls constraints experimental
            sampler = optuna.samplers.TPESampler(
                seed=study.sampler.seed,
                n_startup_trials=max(2, min(10, (study.sampler.points or 0) // 4)),
                constraints_func=lambda trial: trial.user_attrs["over"],
            )
        self._study = optuna.create_study(
            directions=["minimize" if one.minimise else "maximize" for one in study.objectives],
            sampler=sampler,
        )
        self.before = 0
        self._generator = np.random.default_rng(study.sampler.seed)
        self._stored = self._rows(store)

    @property
    def points(self) -> int:
        """How many points the study wants: the sampler's, for each workload."""
        return (self._space.study.sampler.points or 0) * len(self._space.traces)

    def __iter__(self) -> Iterator[Chosen]:
        for settings, rows in self._stored:
            yield from self._again(settings, rows)
        repeated = 0
        while self._state.count < self.points:
            if repeated >= _MOST_REPEATED and not self._drawn():
                return  # there is none left
            trial = self._study.ask()
            settings = self._settings(partial(_suggested, trial))
            if self._new(settings):
                repeated = 0
                yield from self._chosen(trial, settings)
            else:
                repeated += 1
                self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)

    def _new(self, settings: Settings) -> bool:
        """Whether these settings are allowed and were not asked for; counts those that are excluded."""
        items = tuple(settings.items())
        if items in self._state.seen:
            return False
        if not self._space.allows(settings):
            self._state.seen.add(items)
            self._space.excluded += len(self._space.traces)
            return False
        return True

    def _drawn(self) -> bool:
        """Have a new point drawn at random be asked for next; False if none is found."""
        for _ in range(_MOST_DRAWN):
            steps: dict[str, int] = {}

            def pick(name: str, count: int, steps: dict[str, int] = steps) -> int:
                steps[name] = int(self._generator.integers(count))
                return steps[name]

            if self._new(self._settings(pick)):
                self._study.enqueue_trial(steps)
                return True
        return False

    def tell(self, number: int, figures: Mapping[str, Any] | None) -> None:
        """What a point gave; None if it failed."""
        one = self._state.trials.pop(number)
        one.out.remove(number)
        if figures is None:
            one.failed = True
        else:
            one.feasible &= bool(figures["feasible"])
            for i, objective in enumerate(self._space.study.objectives):
                one.values[i] += float(figures[objective.figure])
        if not one.out:
            one.trial.set_user_attr("over", [-1.0 if one.feasible else 1.0])
            if one.failed:
                self._study.tell(one.trial, state=self._optuna.trial.TrialState.FAIL)
            else:
                self._study.tell(one.trial, one.values)

    def _chosen(self, trial: Any, settings: Settings) -> list[Chosen]:
        many = self._space.choose(settings, self._state.count)
        self._state.seen.add(tuple(settings.items()))
        self._state.count += len(many)
        one = _Trial(trial, {c.number for c in many}, [0.0] * len(self._space.study.objectives))
        self._state.trials |= {c.number: one for c in many}
        return many

    def _settings(self, pick: Callable[[str, int], int]) -> Settings:
        """Axis by axis, as the samplers do: a condition sees the axes before its own."""
        settings: Settings = {}
        for axis in self._space.study.axes:
            if axis.when is None or condition(axis.when).holds(self._space.values_of(settings)):
                steps = axis.steps()
                settings |= steps[pick(" ".join(axis.names), len(steps))]
        return settings

    def _rows(self, store: Store) -> list[tuple[Settings, dict[int, dict[str, Any]]]]:
        """The store's points as settings, each with its rows by number."""
        found: dict[tuple[tuple[str, Any], ...], dict[int, dict[str, Any]]] = {}
        for record in store.points().to_dict("records"):
            row = {str(name): value for name, value in record.items()}
            settings = settings_of(self._space, row)
            found.setdefault(tuple(settings.items()), {})[int(row["number"])] = row
        ordered = sorted(found.items(), key=lambda item: min(item[1]))
        return [(dict(settings), rows) for settings, rows in ordered]

    def _again(self, settings: Settings, rows: dict[int, dict[str, Any]]) -> Iterator[Chosen]:
        """Tell a point that the store holds; what of it is missing, or of other code, is run."""
        self._study.enqueue_trial(self._steps(settings))
        trial = self._study.ask()
        for one in self._chosen(trial, self._settings(partial(_suggested, trial))):
            row = rows.get(one.number)
            if row is None or row["key"] != one.key:
                yield one
            else:
                self.before += 1
                self.tell(one.number, row if row["status"] == DONE else None)

    def _steps(self, settings: Settings) -> dict[str, int]:
        """The step of each axis that has these values."""
        found = {}
        for axis in self._space.study.axes:
            if set(axis.names) <= settings.keys():
                wanted = {name: settings[name] for name in axis.names}
                found[" ".join(axis.names)] = next(i for i, s in enumerate(axis.steps()) if s == wanted)
        return found


def _suggested(trial: Any, name: str, count: int) -> int:
    return int(trial.suggest_int(name, 0, count - 1))
