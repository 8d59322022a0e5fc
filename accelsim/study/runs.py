"""One trace on several chips: a folder per chip, and the pictures that compare them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from accelsim import plots
from accelsim.dataflows import unsupported_layers
from accelsim.files import check_folder
from accelsim.hardware import Accelerator
from accelsim.plan import Fixed, Objective, Plan
from accelsim.report import write_run
from accelsim.report.trace_events import MOST_TILES
from accelsim.results import NetworkResult
from accelsim.schedule.held import BetweenLayers
from accelsim.simulation import simulate
from accelsim.toggles import Toggling
from accelsim.trace import NetworkTrace


def run_on_chips(
    trace: NetworkTrace,
    chips: Sequence[Accelerator],
    folder: Path,
    *,
    plans: Mapping[str, Plan | Fixed] | None = None,
    objective: Objective = "cycles",
    skip_unsupported: bool = False,
    together: bool = False,
    balance_filters: bool = False,
    order_channels: bool = False,
    toggles: Toggling = "sampled",
    between_layers: str | BetweenLayers = "dram",
    threads: int | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
    command: str = "",
    timeline_tiles: int = MOST_TILES,
) -> list[NetworkResult]:
    """Simulate, and write each run to `folder/<chip>` and the comparison to `folder/compare`.

    With `skip_unsupported` every chip runs the layers that all of them can run, so that they compare.
    Raises what `simulate` and `report.write_run` raise.
    """
    for chip in chips:  # not after minutes of simulation
        check_folder(folder / chip.name)
    left_out: dict[str, str] = {}
    for chip in chips if skip_unsupported else ():
        left_out |= unsupported_layers(trace, chip)
    results = []
    for chip in chips:
        result = simulate(
            trace,
            chip,
            plans=plans,
            objective=objective,
            left_out=left_out,
            together=together,
            balance_filters=balance_filters,
            order_channels=order_channels,
            toggles=toggles,
            between_layers=between_layers,
            threads=threads,
            seed=seed,
            progress=progress,
        )
        write_run(result, folder / chip.name, command=command, timeline_tiles=timeline_tiles)
        results.append(result)
    if len(results) > 1:
        plots.save(plots.compare(results), folder / "compare", plots.compare_table(results))
    return results
