"""One network with its tensors through DRAM, kept between layers, layers fused: what each way moves."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from accelsim.hardware import Accelerator
from accelsim.plan import Objective
from accelsim.plots.save import csv_bytes
from accelsim.report import write_run
from accelsim.results import NetworkResult, ratio
from accelsim.schedule.held import MODES
from accelsim.simulation import simulate
from accelsim.toggles import Toggling
from accelsim.trace import NetworkTrace

if TYPE_CHECKING:
    import pandas as pd


def between_layers(
    trace: NetworkTrace,
    chips: Sequence[Accelerator],
    folder: Path,
    *,
    objective: Objective = "cycles",
    toggles: Toggling = "sampled",
    threads: int | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> "pd.DataFrame":
    """Run every chip in every mode; each run goes to `folder/<chip>/<mode>`, the table to `folder`.

    Returns
    -------
    DataFrame with a row per chip and mode: `dram_mb` and `saved_mb` (of one inference), `saved_fraction` (of
    what moves in mode `dram`), `cycles`, `speedup` (over mode `dram`), `energy_uj`, `kept_tensors`,
    `fused_layers`, `most_held_bytes`

    Raises
    ------
    what `simulate` and `write_run` raise
    """
    import pandas as pd

    rows = []
    for chip in chips:
        results = {}
        for mode in MODES:
            results[mode] = simulate(
                trace,
                chip,
                between_layers=mode,
                objective=objective,
                toggles=toggles,
                threads=threads,
                seed=seed,
                progress=progress,
            )
            write_run(results[mode], folder / chip.name / mode)
        rows += [_row(mode, result, results[MODES[0]]) for mode, result in results.items()]
    table = pd.DataFrame(rows)
    (folder / "between_layers.csv").write_bytes(csv_bytes(table))
    return table


def _row(mode: str, result: NetworkResult, base: NetworkResult) -> dict[str, object]:
    summary, before = result.summary(), base.summary()
    return {
        "chip": result.chip.name,
        "between_layers": mode,
        "dram_mb": summary["dram_mb_per_inference"],
        "saved_mb": summary["saved_dram_mb_per_inference"],
        "saved_fraction": ratio(summary["saved_dram_mb_per_inference"], before["dram_mb_per_inference"]),
        "cycles": summary["cycles_mean"],
        "speedup": ratio(before["cycles_mean"], summary["cycles_mean"]),
        "energy_uj": summary["energy_uj_mean"],
        "kept_tensors": len({tensor.tensor for tensor in result.kept}),
        "fused_layers": len({r.name for r in result.layer_results if r.fused}),
        "most_held_bytes": max(r.held_bytes for r in result.layer_results),
    }
