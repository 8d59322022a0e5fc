"""The DRAM requests of a run, layer by layer, as traces: `accelsim run --dram-trace FOLDER`."""

import re
from pathlib import Path

import numpy as np

from accelsim.energy import table_of
from accelsim.errors import AuditError, InputError
from accelsim.hardware import BankedDram
from accelsim.machine import run_layer
from accelsim.machine.dram import BankedChannel
from accelsim.mapper.addresses import plan_requests
from accelsim.plan import tile_boxes
from accelsim.report.dram_requests import address_vectors, write_requests
from accelsim.results import LayerResult, NetworkResult
from accelsim.schedule.planning import LayerInput, Wanted, layer_input
from accelsim.schedule.reused import with_kept
from accelsim.trace import NetworkTrace


def write_run_requests(
    trace: NetworkTrace, result: NetworkResult, folder: Path, *, balance_filters: bool, seed: int
) -> list[Path]:
    """Move each layer's tiles once more through a DRAM that keeps its requests, and write these.

    Operations of the postprocessor are not among them: the machine gives them bytes, not addresses.

    Parameters
    ----------
    result : of `simulate` with this trace, order of filters and seed
    folder : files are `<chip>-<number of the input>-<layer>.<form>`, as `report.dram_requests` says

    Returns
    -------
    The files, in order of the layers.

    Raises
    ------
    InputError
        If the chip's DRAM has no banks, or a file cannot be written.
    AuditError
        If the times are not those of the run.
    """
    dram = result.chip.dram
    if not isinstance(dram, BankedDram):
        raise InputError(f"--dram-trace: dram.model of {result.chip.name} must be banked, not {dram.model}")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for layer in result.layer_results:
        if layer.plan is None:
            continue
        one = trace if result.together or trace.inputs_count == 1 else trace.select_input(layer.input)
        wanted = Wanted(layer.plan, "cycles", table_of(result.chip))
        given = layer_input(
            one.layer(layer.name),
            result.chip,
            wanted,
            balance_filters=balance_filters,
            toggles="off",
            seed=seed,
        )
        channel = _moved(given, layer, result)
        asked, told, address, write = channel.requests()
        vectors = address_vectors(address, dram.timing, dram.channels, dram.ranks, dram.address_mapping)
        name = f"{result.chip.name}-{layer.input}-{re.sub(r'[^A-Za-z0-9_.-]+', '_', layer.name)}"
        paths += write_requests(folder, name, asked, told, address, write, vectors)
    return paths


def _moved(given: LayerInput, layer: LayerResult, result: NetworkResult) -> BankedChannel:
    """The channel after a layer's tiles."""
    chip = result.chip
    assert layer.plan is not None
    assert layer.work is not None
    assert layer.timeline is not None
    sizes = with_kept(given.sizes, layer.kept_in_bytes > 0, layer.kept_out_bytes > 0)
    boxes = tile_boxes(layer.plan, given.trace.layer)
    requests = plan_requests(layer.plan, boxes, given.trace.layer, chip, sizes)
    channel = BankedChannel(chip, record=True)
    free = chip.with_capacity(chip.scratchpad.capacity_bytes - layer.held_bytes)
    if not np.array_equal(run_layer(layer.work, free, requests, channel), layer.timeline):
        raise AuditError(f"{layer.name}: times of the tiles moved again are not those of the run")
    return channel
