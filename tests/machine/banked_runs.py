"""Controllers of shipped devices, runs to the last burst and the log of their commands."""

import numpy as np

from accelsim.hardware import DramDevice, load_device
from accelsim.machine import _banked_state as S
from accelsim.machine.banked import LOG_COMMANDS, Controllers
from accelsim.machine.controller import Controller

MAPPING = "bank_group_low"


def made(
    name: str, mapping: str = MAPPING, ranks: int = 1, channels: int = 1, **policy: object
) -> Controllers:
    return Controllers(load_device(name), channels, ranks, mapping, Controller(**policy))  # type: ignore[arg-type]


def row_stride(device: DramDevice) -> int:
    """Bytes from a row to the next of the same bank, rows being the highest bits."""
    return device.row_bytes * device.banks * device.pseudo_channels


def clocks(controllers: Controllers, addresses: np.ndarray, writes: object = 0) -> int:
    """Clocks until the last read's data or the last write's command."""
    given = np.asarray(addresses, np.int64)
    controllers.offer(given, np.broadcast_to(np.asarray(writes, np.int64), given.shape).copy(), 0)
    controllers.drain()
    return max(int(state[S.LAST_DONE]) for state in controllers.states)


def logged(
    controllers: Controllers, addresses: np.ndarray, writes: np.ndarray, channel: int = 0
) -> list[tuple[int, str, int, int]]:
    """Commands of one (pseudo) channel: its requests alone are offered."""
    device = controllers.device
    if controllers.channels > 1:  # the channel's bits are the lowest of an address
        addresses = addresses * controllers.channels + channel * device.burst_bytes
    controllers.log = np.zeros((8 * addresses.size + 4000, 4), np.int64)
    clocks(controllers, addresses, writes)
    count = int(controllers.states[channel][S.LOGGED])
    assert count < len(controllers.log)
    return [(c, LOG_COMMANDS[k], b, r) for c, k, b, r in controllers.log[:count].tolist()]
