"""Where points are evaluated: this process, processes of this machine, or a Dask cluster; one interface.

::

    submit(point) -> concurrent.futures.Future of its Outcome
    deaths           what a future raises where its worker died with it
    renew()          after a death: workers to go on with
    alive()          whether there is still anyone to wait for
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import Any, Protocol

from accelsim.errors import AccelsimError, InputError
from accelsim.study.points import Outcome, Point, evaluate

_COUNTED_S = 5.0  # a cluster's workers come and go: how long a count of them holds
_CONNECT_S = 10.0


class Workers(Protocol):
    """Those who evaluate points."""

    name: str
    deaths: tuple[type[BaseException], ...]
    together: bool  # a worker that dies takes every point with it that was sent, not its own alone

    @property
    def in_flight(self) -> int:
        """How many points may be sent before one has come back."""

    def submit(self, point: Point, content: bytes | None = None) -> "Future[Outcome]":
        """Send a point, and the trace's file where a worker lacked it."""

    def renew(self) -> None:
        """Go on after a death."""

    def alive(self) -> bool:
        """Whether a future can still come back."""

    def close(self) -> None:
        """Send home; what is not finished is given up."""


class InProcess:
    """This process, one point at a time."""

    name = "this process"
    deaths: tuple[type[BaseException], ...] = ()
    together = False
    in_flight = 1

    def submit(self, point: Point, content: bytes | None = None) -> "Future[Outcome]":
        """Evaluate at once."""
        future: Future[Outcome] = Future()
        try:
            future.set_result(evaluate(point, content))
        except Exception as error:
            future.set_exception(error)
        return future

    def renew(self) -> None:
        """Nothing to do."""

    def alive(self) -> bool:
        """Always."""
        return True

    def close(self) -> None:
        """Nothing to do."""


class Processes:
    """Processes of this machine, one thread each; a pool with a dead worker is replaced."""

    deaths: tuple[type[BaseException], ...] = (BrokenProcessPool,)
    together = True

    def __init__(self, count: int) -> None:
        self.name = f"{count} processes"
        self.in_flight = 2 * count
        self._count = count
        # Workers must not start threads of their own in the libraries below numpy.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        self._pool = self._made()

    def _made(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self._count, mp_context=get_context("spawn"), initializer=_prepared)

    def submit(self, point: Point, content: bytes | None = None) -> "Future[Outcome]":
        """Send to the pool."""
        return self._pool.submit(evaluate, point, content)

    def renew(self) -> None:
        """A new pool."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._made()

    def alive(self) -> bool:
        """A broken pool breaks its futures."""
        return True

    def close(self) -> None:
        """Points at work are finished by their workers, and dropped; no process stays behind."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Dask:
    """A Dask cluster by the address of its scheduler, or one of `count` processes on this machine."""

    together = False

    def __init__(self, address: str, count: int) -> None:
        try:
            import dask
            from distributed import Client, KilledWorker, LocalCluster
        except ImportError as error:
            raise InputError("--cluster needs Dask: pip install 'accelsim[cluster]'") from error
        self.name = f"Dask cluster {address}"
        self.deaths: tuple[type[BaseException], ...] = (KilledWorker,)
        self._cluster: Any = None
        if address == "local":
            # The driver itself retries what was at work where a worker died.
            with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
                self._cluster = LocalCluster(
                    n_workers=count, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
                )
        try:
            self._client = Client(self._cluster or address, timeout=_CONNECT_S)
        except (OSError, ValueError) as error:
            raise AccelsimError(f"--cluster {address}: no scheduler answers: {error}") from error
        # What Dask logs of a cluster that goes, traceback and all, the driver tells in a line.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self._executor = self._client.get_executor(pure=False)
        self._counted = (-_COUNTED_S, 0)

    @property
    def in_flight(self) -> int:
        """Two for each thread of a worker; one while there is none yet."""
        if time.monotonic() - self._counted[0] > _COUNTED_S:
            try:
                workers = sum(self._client.nthreads().values())
            except OSError:  # the scheduler is going: alive() will say so
                workers = 0
            self._counted = (time.monotonic(), workers)
        return max(1, 2 * self._counted[1])

    def submit(self, point: Point, content: bytes | None = None) -> "Future[Outcome]":
        """Send to the scheduler."""
        future: Future[Outcome] = self._executor.submit(evaluate, point, content)
        return future

    def renew(self) -> None:
        """The cluster replaces its workers itself."""

    def alive(self) -> bool:
        """Whether the scheduler is connected."""
        return bool(self._client.status == "running")

    def close(self) -> None:
        """Leave the cluster; one of our own ends."""
        closing: list[Callable[[], Any]] = [self._client.close]
        if self._cluster is not None:
            closing.append(self._cluster.close)
        for close in closing:
            try:
                close()
            except (OSError, TimeoutError):
                continue  # it is gone already


def workers_of(count: int, cluster: str | None) -> Workers:
    """Those that a study's options name.

    Raises
    ------
    InputError
        If there would be none, or Dask is not installed.
    AccelsimError
        If no scheduler answers.
    """
    if count < 1:
        raise InputError(f"--workers must be at least 1, not {count}")
    if cluster is not None:
        return Dask(cluster, count)
    return InProcess() if count == 1 else Processes(count)


def _prepared() -> None:
    """Ctrl-C reaches every process of a terminal, but the driver answers; a worker ends with its driver."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # After kill -9 of the driver nobody tells its workers: they would wait for points for ever.
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
