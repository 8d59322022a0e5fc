"""Time of tiles: the SimPy machine and the recurrence that equals it (docs/machine.md)."""

from accelsim.machine.events import run_layer
from accelsim.machine.replay import replay_layer

__all__ = ["replay_layer", "run_layer"]
