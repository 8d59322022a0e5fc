"""What a plan decides of a layer is counted once, whatever the DRAM's rate, and is nobody's to change."""

import numpy as np
import pytest

import accelsim
from accelsim.hardware import load_hardware
from accelsim.plan import Plan
from accelsim.results import LayerResult
from accelsim.reuse import OFF, Off, Reuse
from accelsim.trace import from_arrays

GENERATOR = np.random.default_rng(7)
LAYER = from_arrays(
    GENERATOR.integers(-3, 4, (24, 3, 3, 24)).astype(np.int8),
    GENERATOR.integers(0, 3, (1, 10, 10, 24)).astype(np.uint8),
    padding=1,
)
PLAN = {LAYER.layer.name: Plan(tile_n=1, tile_k=16, tile_c=24, tile_p=4, tile_q=10)}


def ran(rate: float, reuse: Off, seed: int = 0) -> LayerResult:
    chip = load_hardware("both-skip-16x16", [f"dram.peak_gb_per_s={rate}"])
    return accelsim.simulate(LAYER, chip, plans=PLAN, reuse=reuse, seed=seed).layer_results[0]


def test_layers_of_one_plan_are_counted_once_at_all_rates_and_timed_at_each() -> None:
    reuse = Reuse()
    slow, fast, alone = ran(1.6, reuse), ran(25.6, reuse), ran(25.6, OFF)
    assert reuse.counts["counted layers"] == {"memory": 1, "disk": 0, "made": 1}
    assert fast.work is slow.work
    assert fast.cycles < slow.cycles
    assert (fast.cycles, fast.totals, fast.energy) == (alone.cycles, alone.totals, alone.energy)
    ran(1.6, reuse, seed=1)  # of other checks and samples
    assert reuse.counts["counted layers"]["made"] == 2


@pytest.mark.parametrize("reuse", [OFF, Reuse()])
def test_work_is_read_only(reuse: Off) -> None:
    work = ran(1.6, reuse).work
    assert work is not None
    with pytest.raises(ValueError, match="read-only"):
        work["outputs"][0] = 1
