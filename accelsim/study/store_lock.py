"""The lock of a store: one driver at a time."""

from pathlib import Path
from typing import TYPE_CHECKING

from accelsim.errors import AccelsimError, InputError

if TYPE_CHECKING:
    from filelock import FileLock


class StoreError(AccelsimError):
    """A store cannot be read or written; the finished points in it stay."""


def locked(path: Path) -> "FileLock":
    """The lock of a driver; the system gives it up with the process, however that ends."""
    from filelock import FileLock, Timeout

    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise InputError(
            f"{path}: another driver is at work on this store; wait for it, or stop it"
        ) from None
    except OSError as error:
        raise StoreError(f"{path}.lock: cannot lock: {error.strerror or error}") from error
    return lock
