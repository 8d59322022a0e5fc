"""Work that is not done twice: results kept by the content of all that they were made from (docs/studies.md).

::

    Kind      a function, and the keys of the chip that it gets; the others are absent from what it gets
    key       sha256 of the kind, the code, those keys' values, and every other argument
    Reuse     memory -> disk -> the function
    OFF       the function, with the whole chip
"""

from accelsim.reuse.cache import DISK_BYTES, OFF, Counts, Kind, Off, Reuse, added, of_process
from accelsim.reuse.content import Aside, Later, digest, only
from accelsim.reuse.shelf import Shelf

__all__ = [
    "DISK_BYTES",
    "OFF",
    "Aside",
    "Counts",
    "Kind",
    "Later",
    "Off",
    "Reuse",
    "Shelf",
    "added",
    "digest",
    "of_process",
    "only",
]
