"""What came out of a run: per layer tables and counts, and the few ratios that reports print.

Every ratio is defined here once, with numerator and denominator, and in docs/glossary.md. Results
know no plots; `accelsim.plots` draws them.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property
from statistics import stdev
from typing import TYPE_CHECKING, Any

from accelsim import units
from accelsim.bill import EnergyRow
from accelsim.draws import Draws, interval, intervals
from accelsim.hardware import Accelerator
from accelsim.network import Layer
from accelsim.plan import Plan, plan_text
from accelsim.tables import BANKED, CAUSES, COUNTERS, DRAINED, FETCHED, TRAFFIC, Table
from accelsim.toggles import ToggleCounts

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerResult:
    """One layer (or postprocessor operation) of one input.

    `totals` holds the sums of WORK's columns (tables.COUNTERS and tables.TRAFFIC), `lane_cycles` the
    lane-cycles by cause over the whole duration: they add up to multipliers x cycles.

    Of tensors that stay in the scratchpad between layers (docs/between_layers.md): `held_bytes` is what all
    of them take while this runs, `kept_in_bytes` and `kept_out_bytes` are those of its own inputs and output,
    `saved_dram_bytes` is what it would move in DRAM if nothing were kept, less what it moves.
    `fused` names the chain of layers that it ran in; its tiles' instants are those from the chain's start.
    """

    name: str
    kind: str
    input: int
    cycles: int
    dram_cycles: int  # channel occupancy if all traffic ran back to back
    lane_cycles: dict[str, int]
    totals: dict[str, int]
    energy: tuple[EnergyRow, ...]
    layer: Layer | None = None
    plan: Plan | None = None
    work: Table | None = None
    timeline: Table | None = None
    weight_density_fraction: float = math.nan
    activation_density_fraction: float = math.nan
    outputs_drawn: bool = False
    outputs_checked: int = 0
    outputs_checked_whole: bool = False
    held_bytes: int = 0
    kept_in_bytes: int = 0
    kept_out_bytes: int = 0
    saved_dram_bytes: int = 0
    fused: tuple[str, ...] = ()
    toggles: ToggleCounts | None = None  # None: not counted
    banked: dict[str, int] = field(default_factory=dict)  # tables.BANKED; empty: not counted

    @property
    def energy_pj(self) -> float:
        """Sum of the bill."""
        return math.fsum([row.pj for row in self.energy])

    @property
    def on_chip_pj(self) -> float:
        """The bill without the DRAM's lines."""
        return math.fsum([row.pj for row in self.energy if row.component != "dram"])

    @property
    def dram_read_bytes(self) -> int:
        """Bytes read from DRAM, burst waste included."""
        return sum([self.totals[name] for name in FETCHED])

    @property
    def dram_write_bytes(self) -> int:
        """Bytes written to DRAM, burst waste included."""
        return sum([self.totals[name] for name in DRAINED])

    @property
    def bound_by(self) -> str:
        """`dram` if the channel alone needs longer than the array, else `array`; or `postprocessor`."""
        if self.layer is None:
            return "postprocessor"
        return "dram" if self.dram_cycles > self.totals["compute_cycles"] else "array"

    def _of_banks(self) -> dict[str, float]:
        b = self.banked
        bursts = b["dram_read_bursts"] + b["dram_write_bursts"] if b else 0
        return b | {"dram_row_hit_fraction": ratio(b["dram_row_hits"], bursts)} if b else {}

    def row(self, chip: Accelerator, p05: float, p95: float, area_mm2: float) -> dict[str, Any]:
        """One row of layers.csv; given: the middle 90 % of draws of its energy, pJ, and the chip's area."""
        lanes = chip.pe_array.multipliers * self.cycles
        ns = self.cycles * 1000 / chip.clock_mhz
        energy_pj, on_chip_mw = self.energy_pj, ratio(self.on_chip_pj, ns)
        t = self.totals
        return {
            "input": self.input,
            "layer": self.name,
            "kind": self.kind,
            "cycles": self.cycles,
            "compute_cycles": t["compute_cycles"],
            "dram_cycles": self.dram_cycles,
            "bound_by": self.bound_by,
            "utilisation_fraction": ratio(self.lane_cycles["mac"], lanes),
            "weight_density_fraction": self.weight_density_fraction,
            "activation_density_fraction": self.activation_density_fraction,
            "dram_read_bytes": self.dram_read_bytes,
            "dram_write_bytes": self.dram_write_bytes,
            "held_bytes": self.held_bytes,
            "kept_in_bytes": self.kept_in_bytes,
            "kept_out_bytes": self.kept_out_bytes,
            "saved_dram_bytes": self.saved_dram_bytes,
            "fused": "+".join(self.fused),
            "energy_pj": energy_pj,
            "energy_low_pj": math.fsum([row.low_pj for row in self.energy]),
            "energy_high_pj": math.fsum([row.high_pj for row in self.energy]),
            "energy_p05_pj": p05,
            "energy_p95_pj": p95,
            "power_mw": ratio(energy_pj, ns),
            "on_chip_power_mw": on_chip_mw,
            "power_density_mw_per_mm2": on_chip_mw / area_mm2,
            "tiles": 0 if self.work is None else len(self.work),
            "plan": "" if self.plan is None else plan_text(self.plan),
            **{f"{cause}_lane_cycles": self.lane_cycles[cause] for cause in CAUSES},
            **{name: t[name] for name in (*COUNTERS, *TRAFFIC) if not name.endswith("_lane_cycles")},
            **self._of_banks(),
            **(self.toggles.columns(self.energy) if self.toggles else {}),
            "outputs_drawn": self.outputs_drawn,
            "outputs_checked": self.outputs_checked,
            "outputs_checked_whole": self.outputs_checked_whole,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTensor:
    """A tensor that stayed in the scratchpad, from the node that wrote it to the last that read it."""

    input: int
    tensor: str
    bytes: int
    written_by: str
    read_last_by: str


@dataclass(frozen=True, kw_only=True)
class NetworkResult:
    """A network (or a list of layers) on a chip; `layer_results` goes input by input, in execution order.

    `left_out` are layers that were not run, with the reason. Inputs that ran `together`, as one batch, stand
    as input 0. `area_mm2` is the chip's, and its low and high bound (energy/area.py).
    """

    chip: Accelerator
    network: str
    inputs: int
    layer_results: tuple[LayerResult, ...]
    not_modelled: tuple[str, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    together: bool = False
    area_mm2: tuple[float, float, float] = (math.nan, math.nan, math.nan)
    kept: tuple[KeptTensor, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def _draws(self) -> Draws:
        results = self.layer_results
        return Draws((row.line(i) for i, r in enumerate(results) for row in r.energy), len(results))

    def layer_rows(self) -> list[dict[str, Any]]:
        """The rows of `layers`; an operation has no column that its layers alone count (tables.BANKED)."""
        drawn = zip(self.layer_results, intervals(self._draws.of_layers()).tolist(), strict=True)
        return [result.row(self.chip, p05, p95, self.area_mm2[0]) for result, (p05, p95) in drawn]

    @cached_property
    def layers(self) -> "pd.DataFrame":
        """One row per input and layer; counts, cycles, bytes, pJ (columns end in their unit)."""
        import pandas as pd

        table = pd.DataFrame(self.layer_rows())
        # Operations have no addresses: nothing is counted, which is not 0.
        return table.astype({name: "Int64" for name in BANKED if name in table})

    @cached_property
    def energy(self) -> "pd.DataFrame":
        """One row per input, layer, component and action: count x pJ = energy."""
        import pandas as pd

        results = self.layer_results
        return pd.DataFrame(
            [{"input": r.input, "layer": r.name} | row._asdict() for r in results for row in r.energy]
        )

    def total(self, counter: str) -> int:
        """Sum of one of `totals` over all layers and inputs."""
        return sum(r.totals[counter] for r in self.layer_results)

    def lane_cycles(self) -> dict[str, int]:
        """Lane-cycles by cause over all layers and inputs."""
        return {cause: sum(r.lane_cycles[cause] for r in self.layer_results) for cause in CAUSES}

    @property
    def runs(self) -> int:
        """Passes through the network: one for each input, or one for the batch."""
        return 1 if self.together else self.inputs

    def cycles_by_run(self) -> list[int]:
        """Network cycles of each run."""
        return [sum(r.cycles for r in self.layer_results if r.input == i) for i in range(self.runs)]

    def energy_pj_by_run(self) -> list[float]:
        """Energy in pJ of each run."""
        return [math.fsum(r.energy_pj for r in self.layer_results if r.input == i) for i in range(self.runs)]

    @property
    def cycles(self) -> int:
        """Cycles of all inputs, one after the other."""
        return sum(r.cycles for r in self.layer_results)

    def summary(self) -> dict[str, Any]:
        """The figures of the report's table; ratios as docs/glossary.md defines them."""
        cycles = self.cycles
        seconds = units.milliseconds(cycles, self.chip.clock_mhz) / 1e3
        macs, done = self.total("dense_macs"), self.total("effectual_macs")
        array = [r for r in self.layer_results if r.layer is not None]
        pj = self.energy_pj_by_run()
        on_chip = math.fsum(r.on_chip_pj for r in self.layer_results) / 1e12
        joule = math.fsum(pj) / 1e12
        moved = sum(r.dram_read_bytes + r.dram_write_bytes for r in self.layer_results)
        saved = sum(r.saved_dram_bytes for r in self.layer_results)
        bill = [row for r in self.layer_results for row in r.energy]
        p05, p95 = interval(self._draws.of_all())
        # Of samples of their own: squares add up.
        errors = [r.toggles.error_pj(r.energy) for r in self.layer_results if r.toggles]
        return {
            "chip": self.chip.name,
            "network": self.network,
            "inputs": self.inputs,
            "together": self.together,
            "cycles_mean": ratio(cycles, self.inputs),
            "cycles_spread": spread(self.cycles_by_run()),
            "ms_per_inference": ratio(seconds * 1e3, self.inputs),
            "inferences_per_s": ratio(self.inputs, seconds),
            "effective_tops": ratio(2 * macs / 1e12, seconds),
            "peak_tops": self.chip.peak_tops,
            "dram_mb_per_inference": ratio(moved / 1e6, self.inputs),
            "saved_dram_mb_per_inference": ratio(saved / 1e6, self.inputs),
            "energy_uj_mean": ratio(math.fsum(pj) / 1e6, self.inputs),
            "energy_uj_spread": spread(pj) / 1e6,
            "energy_uj_low": math.fsum([row.low_pj for row in bill]) / 1e6 / self.inputs,
            "energy_uj_high": math.fsum([row.high_pj for row in bill]) / 1e6 / self.inputs,
            "energy_uj_p05": ratio(p05 / 1e6, self.inputs),
            "energy_uj_p95": ratio(p95 / 1e6, self.inputs),
            "energy_uj_toggle_error": math.hypot(*errors) / 1e6 / self.inputs if errors else math.nan,
            "power_mw": ratio(joule * 1e3, seconds),
            "on_chip_power_mw": ratio(on_chip * 1e3, seconds),
            **dict(zip(("area_mm2", "area_low_mm2", "area_high_mm2"), self.area_mm2, strict=True)),
            "power_density_mw_per_mm2": ratio(on_chip * 1e3, seconds * self.area_mm2[0]),
            "inferences_per_joule": ratio(self.inputs, joule),
            "effective_tops_per_watt": ratio(2 * macs / 1e12, joule),
            "executed_tops_per_watt": ratio(2 * self.total("done_macs") / 1e12, joule),
            "utilisation_fraction": ratio(self.lane_cycles()["mac"], self.chip.pe_array.multipliers * cycles),
            "bound_by": self.bound_by(),
            "weight_density_fraction": weighted(array, "weight_density_fraction"),
            "activation_density_fraction": weighted(array, "activation_density_fraction"),
            "dense_macs": macs,
            "effectual_macs": done,
            "effectual_fraction": ratio(done, macs),
            "speedup_limit": ratio(macs, done),
        }

    def bound_by(self) -> str:
        """What most cycles are bound by, with the share of cycles: `array 71 %`."""
        by: dict[str, int] = {}
        for r in self.layer_results:
            by[r.bound_by] = by.get(r.bound_by, 0) + r.cycles
        most = max(by, key=lambda key: by[key])
        return f"{most} {100 * ratio(by[most], self.cycles):.0f} %"


def ratio(numerator: float, denominator: float) -> float:
    """The quotient; nan where the denominator is 0."""
    return numerator / denominator if denominator else math.nan


def spread(values: list[int] | list[float]) -> float:
    """Sample standard deviation; 0 for a single value."""
    return stdev(values) if len(values) > 1 else 0.0


def weighted(results: list[LayerResult], name: str) -> float:
    """Mean of a layer fraction, weighted by dense MACs."""
    macs = sum(r.totals["dense_macs"] for r in results)
    return ratio(math.fsum(getattr(r, name) * r.totals["dense_macs"] for r in results), macs)
