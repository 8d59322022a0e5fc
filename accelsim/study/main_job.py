"""The main job: a real network and a real photograph, on the shipped chips, from nothing to pictures."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from accelsim import zoo
from accelsim.audit.agreement import Agreement, compare_with_captured
from accelsim.compress.prune import prune_network
from accelsim.files import write_whole
from accelsim.frontend.quantise import onnxruntime_is_exact
from accelsim.hardware import load_hardware
from accelsim.plots.save import csv_bytes
from accelsim.report import summary_rows
from accelsim.results import NetworkResult, ratio
from accelsim.study.runs import run_on_chips
from accelsim.trace import NetworkTrace, write

NETWORK = "resnet50-thin"
CHIPS = ("dense-16x16", "activation-skip-16x16", "both-skip-16x16")
BASELINE = CHIPS[0]
PRUNED_DENSITY = 0.3


@dataclass(frozen=True, kw_only=True)
class MainJob:
    """What the main job did.

    Attributes
    ----------
    folder : of all results
    trace_path : the compressed layer trace
    licences : what is run, under which terms, from where
    agreement : the datapath against onnxruntime, node by node
    runs : results per chip, by what was run; the first chip is the baseline
    """

    folder: Path
    trace_path: Path
    licences: dict[str, str]
    agreement: list[Agreement]
    runs: dict[str, list[NetworkResult]]

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "folder": str(self.folder),
            "trace": str(self.trace_path),
            "licences": self.licences,
            "datapath_against_onnxruntime": {
                "cpu_is_exact": onnxruntime_is_exact(),
                "nodes": [asdict(row) for row in self.agreement],
            },
            "runs": {
                title: summary_rows([result.summary() for result in results], BASELINE)
                for title, results in self.runs.items()
            },
        }

    def licence_text(self) -> str:
        """For people, a line each."""
        return "\n".join(f"{what}: {text}" for what, text in self.licences.items())

    def agreement_text(self) -> str:
        """For people: how many elements agree, and whether this CPU can decide."""
        elements = sum(row.elements for row in self.agreement)
        equal = sum(round(row.equal_fraction * row.elements) for row in self.agreement)
        largest = max((row.largest_difference for row in self.agreement), default=0)
        unlike = [row.node for row in self.agreement if row.largest_difference]
        cpu = (
            "this CPU multiplies u8 x s8 exactly"
            if onnxruntime_is_exact()
            else "this CPU has no VNNI: onnxruntime may saturate u8 x s8 to 16 bits, and the comparison of "
            "every layer with numpy decides"
        )
        return (
            f"datapath against onnxruntime: {ratio(equal, elements):.4%} of {elements:,} elements of "
            f"{len(self.agreement)} nodes equal, largest difference {largest}"
            + (f" ({', '.join(unlike)})" if unlike else "")
            + f"; {cpu}"
        )


def main_job(
    folder: Path,
    *,
    threads: int | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> MainJob:
    """Fetch, quantise, capture, write the trace, check the datapath, run three chips; then pruned.

    Parameters
    ----------
    folder : of the results; `<network>.safetensors`, `agreement.csv`, and a folder per network and chip
    threads : layers counted at once (default: the machine's cores)
    seed : of sampled checks
    progress : called with what is done

    Raises
    ------
    FetchError, InputError, AuditError
        As `zoo.build`, `simulation.simulate` and `trace.write` say.
    """
    import pandas as pd

    tell = progress or (lambda what: None)
    recipe = zoo.recipe(NETWORK)
    tell(f"fetching {recipe.package} {recipe.version}")
    paths = zoo.fetch(NETWORK)
    tell("quantising and capturing")
    trace = zoo.build(NETWORK)
    trace_path = folder / f"{NETWORK}.safetensors"
    write(trace, trace_path)
    tell("comparing the datapath with onnxruntime")
    agreement = compare_with_captured(trace, threads=threads or 1)
    table = pd.DataFrame([asdict(row) for row in agreement])
    write_whole(folder / "agreement.csv", csv_bytes(table))
    pruned = prune_network(trace, PRUNED_DENSITY)
    return MainJob(
        folder=folder,
        trace_path=trace_path,
        licences={
            "network": f"{recipe.name}, {recipe.description}",
            "source": recipe.source,
            "code licence": f"{recipe.code_licence}: {paths['licence']}",
            "weights licence": f"{recipe.weights_licence}: {paths['weights_licence']}",
            "photograph": "; ".join(p.credit for p in recipe.photographs),
            "calibration": "; ".join(p.credit for p in recipe.calibration),
        },
        agreement=agreement,
        runs={
            f"{NETWORK}, weights as trained": _run(trace, folder, threads, seed, progress),
            f"{NETWORK}, weights pruned to {PRUNED_DENSITY:.0%} (pattern only, accuracy not claimed)": _run(
                pruned, folder, threads, seed, progress
            ),
        },
    )


def _run(
    trace: NetworkTrace,
    folder: Path,
    threads: int | None,
    seed: int,
    progress: Callable[[str], None] | None,
) -> list[NetworkResult]:
    chips = [load_hardware(name) for name in CHIPS]
    return run_on_chips(
        trace, chips, folder / trace.network.name, threads=threads, seed=seed, progress=progress
    )
