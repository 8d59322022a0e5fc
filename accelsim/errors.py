"""Every error that accelsim raises on purpose.

::

    AccelsimError
      InputError          the user's input is wrong            (exit code 2)
        HardwareError     a chip's file: file, line, key
        TraceError        a trace file or its arrays
        ImportedModelError  a model that cannot be imported
        UnsupportedLayerError  a layer that a machine cannot run
        PlanError         a layer that cannot be cut to fit
        FetchError        a package or file that could not be had
      AuditError          a run whose books do not close       (exit code 1)
      DatapathError       an arithmetic result that cannot be  (exit code 1)
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class AccelsimError(Exception):
    """Base of all errors of this package."""


class InputError(AccelsimError):
    """The user's input is wrong; the message says where and what was given."""


class HardwareError(InputError):
    """A hardware file is wrong."""


class TraceError(InputError):
    """A trace file is truncated, altered or foreign, or arrays do not fit together."""


class ImportedModelError(InputError):
    """A model cannot be imported; the message names the node."""


class UnsupportedLayerError(InputError):
    """A machine cannot run a layer; the message names layer, machine and limit."""


class PlanError(InputError):
    """A plan does not fit the layer or the scratchpad."""


class FetchError(InputError):
    """A pinned package or file could not be fetched or does not match its checksum."""


class AuditError(AccelsimError):
    """A run's books do not close; the message shows the two numbers."""


class DatapathError(AccelsimError):
    """The functional datapath cannot compute a result (an accumulator overflows)."""


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first few names, and how many more there are: for messages."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def nearest(word: str, known: Iterable[str]) -> str:
    """What may have been meant, to end a message with; empty if nothing is near."""
    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
