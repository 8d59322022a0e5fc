"""Results on disk: one file each, whole or not there, checked when read; the ones used longest ago go first.

::

    <root>/<2 hex digits>/<key>      mark | sha256 of the rest | the rest

Several processes share a shelf without a lock: a file appears by a rename, and a reader whose file is
removed has it open or finds it absent. What does not match its hash is removed, and made again.
"""

import hashlib
import os
import time
from pathlib import Path

from accelsim.errors import InputError
from accelsim.files import write_whole

_MARK = b"accelsim reuse 1\n"
_HASH = 32
_ROOM = 0.9  # of the limit, after tidying: so that the next one does not tidy again
_TIDY_EVERY = 1 / 16  # of the limit, written by this process
_LEFT_BEHIND_S = 3600.0  # a part of a file that is older was left by a process that died


class Shelf:
    """A folder of results of at most `limit_bytes`, but for what processes write between two tidyings.

    Attributes
    ----------
    trouble : why nothing more is written; empty while it is
    """

    def __init__(self, root: Path, limit_bytes: int) -> None:
        self.root, self.limit_bytes = root, limit_bytes
        self.trouble = ""
        self._root = f"{root}/"
        self._written: int | None = None  # since this process tidied; None: never

    def get(self, key: str) -> bytes | None:
        """What was put under a key, or None."""
        path = f"{self._root}{key[:2]}/{key}"  # most of what is asked for is not there: no Path is made
        try:
            with open(path, "rb") as file:
                content = file.read()
            body = content[len(_MARK) + _HASH :]
            if content[: len(_MARK) + _HASH] != _MARK + hashlib.sha256(body).digest():
                os.unlink(path)
                return None
            os.utime(path)  # used now
        except FileNotFoundError:
            return None
        except OSError as error:
            self.trouble = f"{self.root}: {error.strerror or error}"
            return None
        return body

    def put(self, key: str, body: bytes) -> None:
        """Keep bytes under a key; where that fails, nothing more is tried, and `trouble` says why."""
        if self.trouble or len(body) > self.limit_bytes * _TIDY_EVERY:
            return
        try:
            if self._written is None or self._written > self.limit_bytes * _TIDY_EVERY:
                self.tidy()
                self._written = 0
            write_whole(self._path(key), _MARK + hashlib.sha256(body).digest() + body)
            self._written += len(body)
        except (InputError, OSError) as error:
            self.trouble = str(error)

    def tidy(self) -> None:
        """Remove the files used longest ago until the limit is kept with some room."""
        now, found = time.time(), []
        for path in self.root.glob("*/*"):
            try:
                stat = path.stat()
            except OSError:
                continue  # another process removed it
            if path.suffix == ".part":
                if now - stat.st_mtime > _LEFT_BEHIND_S:
                    path.unlink(missing_ok=True)
            else:
                found.append((stat.st_mtime, stat.st_size, path))
        total = sum(size for _, size, _ in found)
        if total <= self.limit_bytes:
            return
        for _, size, path in sorted(found):
            path.unlink(missing_ok=True)
            total -= size
            if total <= self.limit_bytes * _ROOM:
                return

    def _path(self, key: str) -> Path:
        return self.root / key[:2] / key
