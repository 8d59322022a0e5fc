"""The driver of a study: sends the points that are not done, writes each as it comes back.

::

    sampler -> constraints -> keys -> not in the store?  -> submit, 2 x workers in flight -> store
                                                               ^            |
                                 absent there: with the bytes  +------------+
                                 its worker died: once more, alone; dies again: failed

The driver alone writes the store, so that to resume is to run again. A worker that dies may take points
with it that are not to blame: each of them runs again with nothing else in flight, so that blame is exact.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelsim.errors import AccelsimError, InputError
from accelsim.reuse import Counts, added
from accelsim.study.executors import Workers, workers_of
from accelsim.study.points import Outcome, Point
from accelsim.study.search import Search
from accelsim.study.space import Chosen, Space
from accelsim.study.store import DONE, Store
from accelsim.study.study_file import Budgets, Study

_POLL_S = 2.0  # how long to wait before asking whether anyone is still there
_MOST_DEATHS = 2
# Which figure a budget limits.
_BUDGETS = {"area_mm2": "area_mm2", "power_mw": "power_mw", "energy_uj": "energy_uj_mean"}
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRun:
    """What a run of a study did: of `points`, how many it found done, did, and saw fail; what it reused."""

    store: Path
    points: int
    excluded: int
    before: int
    done: int
    failed: int
    reused: Counts


@dataclass(slots=True)
class _Flight:
    """A point that is on its way."""

    point: Point
    deaths: int = 0
    sent: bool = False  # with its trace


def run_study(
    study: Study,
    text: str,
    store_path: Path,
    *,
    file: str,
    workers: int = 1,
    cluster: str | None = None,
    retry_failed: bool = False,
    reuse_bytes: int | None = None,
    progress: Progress | None = None,
) -> StudyRun:
    """Run the points of a study that its store does not hold yet.

    Parameters
    ----------
    study, text, file : as of `read_study`
    workers : processes; with 1, this one
    cluster : address of a Dask scheduler, or `local`: of `workers` processes here
    retry_failed : run points again that failed before
    reuse_bytes : most bytes on disk of results that points share; 0: none are shared; None: as the study says
    progress : called with a point's settings when it is finished

    Raises
    ------
    InputError
        If the study is wrong, at its file and line, or the store is of another or has a driver.
    AccelsimError
        If the cluster goes away, or the store cannot be written; finished points are kept.
    KeyboardInterrupt
        With where the finished points are.
    """
    space = Space(study, text, file, reuse_bytes)
    chosen = [] if study.sampler.kind == "optuna" else space.chosen()
    with Store(store_path, text, study.axis_names) as store:
        search = Search(space, store) if study.sampler.kind == "optuna" else None
        skipped = {key for key, status in store.keys().items() if status == DONE or not retry_failed}
        wanted = [one for one in chosen if one.key not in skipped]
        points = len(chosen) if search is None else search.points
        store.write_fact("file", file)
        store.write_fact("points", str(points))
        drive = _Drive(space, store, workers_of(workers, cluster), progress, search)
        try:
            drive.run(iter(wanted if search is None else search), points)
        except InputError:  # a study that has to be mended: its text is not to bind an empty store
            if not store.keys():
                store_path.unlink()
            raise
        finally:
            if store_path.exists():
                drive.write_counts()
    return StudyRun(
        store=store_path,
        points=points,
        excluded=space.excluded,
        before=len(chosen) - len(wanted) if search is None else search.before,
        done=drive.done,
        failed=drive.failed,
        reused=drive.reused,
    )


class _Drive:
    """One call of `run_study`: what waits, what is in flight, what has come back."""

    def __init__(
        self, space: Space, store: Store, workers: Workers, progress: Progress | None, search: Search | None
    ) -> None:
        self._space, self._store, self._workers = space, store, workers
        self._progress, self._search = progress, search
        self._waiting: Iterator[Chosen] = iter(())
        self._again: deque[_Flight] = deque()
        self._suspects: deque[_Flight] = deque()
        self._pending: dict[Future[Outcome], _Flight] = {}
        self.done = 0
        self.failed = 0
        self.reused: Counts = {}

    def run(self, waiting: Iterator[Chosen], points: int) -> None:
        """Until every point has come back."""
        self._waiting = waiting
        try:
            while self._filled():
                self._collect()
        except KeyboardInterrupt:
            self._collect_finished()
            raise KeyboardInterrupt(self._kept(points)) from None
        except CancelledError as error:
            raise AccelsimError(
                f"{self._workers.name} went away; {self._kept(points)}; `accelsim study resume` goes on"
            ) from error
        finally:
            self._workers.close()

    def write_counts(self) -> None:
        """Keep in the store what was left out, and what all runs found of earlier work."""
        self._store.write_fact("excluded", str(self._space.excluded))
        past = json.loads(self._store.fact("reused") or "{}")
        self._store.write_fact("reused", json.dumps(added(past, self.reused)))

    def _kept(self, points: int) -> str:
        finished = sum(status == DONE for status in self._store.keys().values())
        return f"{finished} of {points} points are finished and in {self._store.path}"

    def _filled(self) -> bool:
        """Send as many points as may be in flight; False once none is left."""
        if self._suspects:
            if not self._pending:
                self._submit(self._suspects.popleft())
            return True
        room = self._workers.in_flight - len(self._pending)
        for _ in range(room):
            flight = self._again.popleft() if self._again else self._next()
            if flight is None or not self._submit(flight):
                break
        return bool(self._pending or self._again)

    def _next(self) -> _Flight | None:
        chosen = next(self._waiting, None)
        return None if chosen is None else _Flight(self._space.point(chosen))

    def _submit(self, flight: _Flight) -> bool:
        content = Path(flight.point.trace.path).read_bytes() if flight.sent else None
        try:
            self._pending[self._workers.submit(flight.point, content)] = flight
        except self._workers.deaths:
            # It was never sent; those that were will say how they ended.
            self._again.appendleft(flight)
            if not self._pending:
                self._workers.renew()
            return False
        return True

    def _collect(self) -> None:
        """Wait for a point, and write what has come back."""
        finished, _ = wait(self._pending, _POLL_S, FIRST_COMPLETED)
        if not finished and not self._workers.alive():
            raise CancelledError
        dead = [flight for future in finished if (flight := self._taken(future)) is not None]
        if dead and self._workers.together:
            # One death breaks them all; a few may have come back just before.
            wait(self._pending)
            dead += [f for future in list(self._pending) if (f := self._taken(future)) is not None]
        if dead:
            self._workers.renew()
        for flight in dead:
            flight.deaths += 1
            if flight.deaths < _MOST_DEATHS:
                self._suspects.append(flight)
            else:
                self._record(flight, Outcome(error="its worker died, twice (out of memory?)"))

    def _collect_finished(self) -> None:
        """What came back before an interrupt is not thrown away."""
        for future in [future for future in self._pending if future.done()]:
            self._taken(future)

    def _taken(self, future: "Future[Outcome]") -> _Flight | None:
        """Write the point of a future; return it if its worker died."""
        flight = self._pending.pop(future)
        try:
            outcome = future.result()
        except self._workers.deaths:
            return flight
        if outcome.absent and not flight.sent:
            flight.sent = True
            self._again.append(flight)
        else:
            self._record(flight, outcome)
        return None

    def _record(self, flight: _Flight, outcome: Outcome) -> None:
        point, study = flight.point, self._space.study
        figures = outcome.figures
        if figures is not None:
            self._space.check_objectives(figures)
            figures = figures | {"feasible": feasible(figures, study.budgets)}
        error = outcome.error or ("" if figures else f"{point.trace.path}: the trace could not be opened")
        self._store.add(
            point.key,
            point.settings,
            number=point.number,
            figures=figures,
            error=error,
            provenance=outcome.provenance,
            layers=outcome.layers,
            tiles=outcome.tiles,
        )
        if self._search is not None:
            self._search.tell(point.number, figures)
        self.done += figures is not None
        self.failed += figures is None
        self.reused = added(self.reused, outcome.reused)
        if self._progress is not None:
            self._progress(", ".join(f"{key}={value}" for key, value in point.settings.items()))


def feasible(figures: dict[str, Any], budgets: Budgets) -> bool:
    """Whether a point keeps within every budget."""
    limits = {name: limit for name, limit in budgets.model_dump().items() if limit is not None}
    return all(figures[_BUDGETS[name]] <= limit for name, limit in limits.items())
