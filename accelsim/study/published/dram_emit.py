"""A stream's requests as traces that cycle-level simulators read: `accelsim dram bench --emit`."""

from pathlib import Path

from accelsim.hardware import load_device
from accelsim.machine.banked import Controllers
from accelsim.machine.controller import Controller
from accelsim.report.dram_requests import address_vectors, write_requests
from accelsim.study.published.dram_bench import replay
from accelsim.study.published.dram_streams import Streams, row_step_bytes


def emit(stream: str, device_name: str, folder: Path, seed: int = 0) -> list[Path]:
    """Run a stream on a device under the default controller and write its requests as traces.

    Raises
    ------
    InputError
        If there is no such stream or device, or a file cannot be written.
    """
    device, mapping = load_device(device_name), "bank_group_low"
    controllers = Controllers(device, 1, 1, mapping, Controller(), record=True)
    replay(controllers, Streams(row_step_bytes(controllers), seed=seed).of(stream))
    asked, told, address, write = controllers.requests()
    vectors = address_vectors(address, device, 1, 1, mapping)
    return write_requests(folder, f"{device_name}-{stream}", asked, told, address, write, vectors)
