"""Predicted cycles where a chip's DMA and scratchpad have choices: those of the machine on the same work."""

import numpy as np
import pytest
from plans_by_hand import layer_of, small_chip

import accelsim
from accelsim.dataflows import inner_join
from accelsim.machine import replay_layer, run_layer
from accelsim.machine.idle import layer_cycles
from accelsim.mapper import search, whole_machine
from accelsim.mapper.encoded import encoded_sizes
from accelsim.schedule.reused import nonzero_outputs
from accelsim.tables import TRAFFIC

CHUNKS = ("dma.chunk_bytes=64", "dma.outstanding_chunks=2")
REGIONS = ("scratchpad.weight_bytes=1000", "scratchpad.activation_bytes=1500", "scratchpad.output_bytes=500")
CHOICES = {
    "chunks": CHUNKS,
    "descriptors": ("dma.descriptor_cycles=7",),
    "drains first": ("dma.arbitration=drains_first", "dma.chunk_bytes=64"),
    "banks": ("scratchpad.banks=4", "scratchpad.ports=shared"),
    "ports": ("scratchpad.banks=4", "scratchpad.ports=separate"),
    "regions": REGIONS,
    "all": (
        *CHUNKS,
        *REGIONS,
        "dma.descriptor_cycles=7",
        "dma.arbitration=fetches_first",
        "scratchpad.banks=6",
    ),
}


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("seed", range(3))
def test_predicted_cycles_are_the_machines_on_the_predicted_work_and_the_runs_on_its_own(
    choice: str, seed: int
) -> None:
    drawn = np.random.default_rng(seed)
    trace = layer_of(int(drawn.integers(20, 48)), int(drawn.integers(8, 30)), 6, 3, seed=seed)
    chip = small_chip(3000, str(drawn.choice(["1.6", "6.4"])), *CHOICES[choice])
    prepared = inner_join.prepare(trace, chip)
    sizes = encoded_sizes(trace, chip, nonzero_outputs(trace, 0)[0])
    best = search.best_plan(prepared, sizes, chip)
    work, requests = whole_machine.predicted_work(best.plan, prepared, sizes, chip)
    assert best.cycles == layer_cycles(run_layer(work, chip, requests))

    result = accelsim.simulate(trace, chip).layer_results[0]
    assert result.plan == best.plan
    assert result.work is not None
    for name in TRAFFIC:
        np.testing.assert_array_equal(work[name], result.work[name])
    # What is estimated taken from the run, nothing is left that differs.
    for name in ("compute_cycles", "weight_scratchpad_reads", "activation_scratchpad_reads"):
        work[name] = result.work[name]
    assert layer_cycles(replay_layer(work, chip, requests)) == result.cycles


def test_energy_follows_the_cycles() -> None:
    trace, plain = layer_of(32, 16, 6, 3), small_chip(3000)
    chunked = small_chip(3000, "3.2", *CHUNKS)
    found = []
    for chip in (plain, chunked):
        prepared = inner_join.prepare(trace, chip)
        sizes = encoded_sizes(trace, chip, nonzero_outputs(trace, 0)[0])
        found.append(search.best_plan(prepared, sizes, chip, with_energy=True))
    before, after = found
    assert (after.plan, after.dram_bytes) == (before.plan, before.dram_bytes)
    assert after.cycles > before.cycles
    assert after.energy_pj > before.energy_pj
    assert not whole_machine.has_choices(plain)
