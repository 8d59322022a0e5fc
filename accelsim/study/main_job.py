"""The main job: a pruned person detector and a photograph, on the shipped chips, from nothing to pictures."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from accelsim import zoo
from accelsim.audit.agreement import Agreement, compare_with_captured
from accelsim.audit.chain import network_outputs
from accelsim.files import write_whole
from accelsim.frontend.quantise import onnxruntime_is_exact
from accelsim.hardware import load_hardware
from accelsim.plots.save import csv_bytes
from accelsim.report import kind_rows, summary_rows
from accelsim.results import NetworkResult, ratio
from accelsim.schedule.held import BetweenLayers
from accelsim.study.runs import run_on_chips
from accelsim.toggles import Toggling
from accelsim.trace import NetworkTrace, write

NETWORK = "pose-detection"
CHIPS = ("dense-16x16", "activation-skip-16x16", "both-skip-16x16")
BASELINE = CHIPS[0]


@dataclass(frozen=True, kw_only=True)
class MainJob:
    """What the main job did.

    Attributes
    ----------
    folder : of all results
    trace_path : the compressed layer trace
    licences : what is run, under which terms, from where
    answer : what the network's answer is, in words
    float_answers, answers : of the float network, and of the simulated hardware, per input
    agreement : the datapath against onnxruntime, node by node
    results : per chip; the first chip is the baseline
    """

    folder: Path
    trace_path: Path
    licences: dict[str, str]
    answer: str
    float_answers: list[float]
    answers: list[float]
    agreement: list[Agreement]
    results: list[NetworkResult]

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "folder": str(self.folder),
            "trace": str(self.trace_path),
            "licences": self.licences,
            "answer": {
                "what": self.answer,
                "float": self.float_answers,
                "simulated_hardware": self.answers,
            },
            "datapath_against_onnxruntime": {
                "cpu_is_exact": onnxruntime_is_exact(),
                "nodes": [asdict(row) for row in self.agreement],
            },
            "chips": summary_rows([result.summary() for result in self.results], BASELINE),
            "kinds": kind_rows(self.results),
        }

    def answer_text(self) -> str:
        """For people: what the float network says, and what the simulated hardware says."""
        pairs = zip(self.float_answers, self.answers, strict=True)
        said = "; ".join(f"float model {a:.3f}, simulated hardware {b:.3f}" for a, b in pairs)
        return f"{self.answer}: {said}"

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


def _licences(recipe: zoo.Recipe, paths: dict[str, Path]) -> dict[str, str]:
    return {
        "network": f"{recipe.name}, {recipe.description}",
        "source": recipe.source,
        "code licence": f"{recipe.code_licence}: {paths['licence']}",
        "weights licence": f"{recipe.weights_licence}: {paths['weights_licence']}",
        "photograph": "; ".join(p.credit for p in recipe.photographs),
        "calibration": "; ".join(p.credit for p in recipe.calibration),
        "preprocessing": recipe.preprocessing.source,
    }


def _agreement(trace: NetworkTrace, file: Path, threads: int) -> list[Agreement]:
    """The datapath against onnxruntime, written too."""
    import pandas as pd

    agreement = compare_with_captured(trace, threads=threads)
    write_whole(file, csv_bytes(pd.DataFrame([asdict(row) for row in agreement])))
    return agreement


def main_job(
    folder: Path,
    *,
    between_layers: str | BetweenLayers = "dram",
    toggles: Toggling = "sampled",
    order_channels: bool = False,
    threads: int | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> MainJob:
    """Fetch, quantise, capture, write the trace, check the datapath, answer with it, run three chips.

    Parameters
    ----------
    folder : of the results; `<network>.safetensors`, `agreement.csv`, and a folder per chip
    between_layers, toggles, order_channels : as of `simulate`
    threads : layers counted at once (default: the machine's cores)
    seed : of sampled checks and toggles
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
    agreement = _agreement(trace, folder / "agreement.csv", threads or 1)
    tell("looking at the photograph with the simulated hardware")
    answers = zoo.answers_of(trace, network_outputs(trace))
    results = run_on_chips(
        trace,
        [load_hardware(name) for name in CHIPS],
        folder / NETWORK,
        between_layers=between_layers,
        toggles=toggles,
        order_channels=order_channels,
        threads=threads,
        seed=seed,
        progress=progress,
    )
    write_whole(folder / NETWORK / "kinds.csv", csv_bytes(pd.DataFrame(kind_rows(results))))
    return MainJob(
        folder=folder,
        trace_path=trace_path,
        licences=_licences(recipe, paths),
        answer=recipe.answer.what,
        float_answers=zoo.float_answers(NETWORK),
        answers=answers,
        agreement=agreement,
        results=results,
    )
