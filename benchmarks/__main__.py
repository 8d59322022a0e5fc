"""`python -m benchmarks [--quick] [--only GROUP ...] [--json FILE]`: figures with their targets, the machine.

A missed target is said in the table; the exit code stays 0, since a busy machine misses targets too.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import dram, energy, formats, kernel, machine, mapper, report, start

QUICK_LAYERS = 11  # conv1 and the first stage


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number; `target` is the least that will do if `at_least`, else the most."""

    name: str
    value: float
    unit: str
    target: float | None
    at_least: bool = False

    @property
    def verdict(self) -> str:
        """`met`, `missed`, or nothing without a target."""
        if self.target is None:
            return ""
        met = self.value >= self.target if self.at_least else self.value <= self.target
        return "met" if met else "missed"

    def line(self) -> str:
        """One line of the table."""
        target = ""
        if self.target is not None:
            target = f"{'>=' if self.at_least else '<='} {self.target:g}"
        return f"{self.name:<46} {self.value:>9.2f} {self.unit:<8} {target:>7}  {self.verdict}".rstrip()


def kernel_figures(quick: bool) -> Iterator[Figure]:
    """Counting, by dataflow, and toggles."""
    for name, speed in kernel.speeds(3 if quick else 9).items():
        yield Figure(f"kernel, {name}", speed, "G MAC/s", 8, at_least=True)
    name, milliseconds = kernel.slowest_systolic_ms(3)
    yield Figure(f"systolic, ResNet-50's slowest layer ({name})", milliseconds, "ms", 10)
    yield Figure(
        "column_broadcast, AlexNet's fc7", kernel.column_broadcast_pairs(5), "M pairs/s", 300, at_least=True
    )
    yield Figure("cartesian, 3x3 56 x 56", kernel.cartesian_products(5), "M prod/s", 150, at_least=True)
    for chip in ("sparse-tensor-core", "eyeriss-168", "eyeriss-v2-192"):
        target = None if chip == "eyeriss-v2-192" else 5
        for name, speed in kernel.dense_equivalent(chip, 5).items():
            yield Figure(f"{chip}, {name}", speed, "G MAC/s", target, at_least=True)
    for policy, speed in kernel.toggle_pairs(3 if quick else 9).items():
        yield Figure(f"toggles, {policy}", speed, "M pairs/s", 200, at_least=True)
    for chip, speed in kernel.sparse_toggle_pairs(3 if quick else 9).items():
        yield Figure(f"toggles, {chip}", speed, "M pairs/s", 200, at_least=True)
    if not quick:
        yield Figure("cartesian, VGG-16's convolutions", kernel.vgg16_on_cartesian_s(), "s", 60)


def report_figures(quick: bool) -> Iterator[Figure]:
    """What follows a run of 54 layers."""
    yield Figure("whatif, 10 000 draws of a 54-layer run", energy.reprice_seconds(3), "s", 0.5)
    seconds, size_mb = report.report_seconds_and_mb(1 if quick else 3)
    yield Figure("report of a 54-layer run, command", seconds, "s", 5)
    yield Figure("its size", size_mb, "MB", 5)


def dram_figures(quick: bool) -> Iterator[Figure]:
    """Banked DRAM, alone and in a run."""
    for name, speed in dram.speeds(3 if quick else 9).items():
        yield Figure(f"banked DRAM, {name} reads", speed, "M burst/s", 10, at_least=True)
    ratio = dram.times_of_bandwidth(QUICK_LAYERS if quick else None, 1 if quick else 3)
    yield Figure("ResNet-50 on banked DRAM, of the bandwidth model's", ratio, "x", 1.5)


def mapper_figures(quick: bool) -> Iterator[Figure]:
    """Search of plans."""
    name, slowest, every = mapper.search_seconds(QUICK_LAYERS if quick else None)
    yield Figure(f"mapper, ResNet-50's slowest layer ({name})", 1e3 * slowest, "ms", 50)
    yield Figure("mapper, ResNet-50 on two threads", every, "s", None if quick else 2)


def format_figures(quick: bool) -> Iterator[Figure]:
    """Encoding, and opening a trace."""
    for name, speed in formats.speeds(3 if quick else 7).items():
        target = formats.TARGETS[name.split(",")[0]]
        yield Figure(f"format {name}", speed, "MB/s", target, at_least=True)
    if not quick:
        seconds, size = formats.open_seconds(5)
        yield Figure(f"open a trace of {size:.0f} MB and list it", seconds, "s", 0.2)


def start_figures(quick: bool) -> Iterator[Figure]:
    """Until the program answers."""
    yield Figure("accelsim --help", start.help_seconds(3 if quick else 5), "s", 0.7)
    if not quick:
        yield Figure("first run, no compiled kernels", start.first_run_seconds(), "s", 60)


def network_figures(quick: bool) -> Iterator[Figure]:
    """ResNet-50 in a child process; the targets are those of the whole network."""
    layers, repeats = (QUICK_LAYERS, 1) if quick else (0, 3)
    found = _told("benchmarks.network", str(layers), str(repeats))
    name = f"ResNet-50 ({found['layers']} layers, {found['gmacs']:.2f} GMAC)"
    yield Figure(f"{name}, run", found["seconds"], "s", None if quick else 4)
    yield Figure(f"{name}, one more chip", found["other_chip_seconds"], "s", None if quick else 2)
    yield Figure(f"{name}, peak memory", found["peak_gb"], "GB", None if quick else 1.5)


def study_figures(quick: bool) -> Iterator[Figure]:
    """Studies of resnet50-thin on two workers, and a large store; the targets are those of the whole ones."""
    found = _told("benchmarks.study", "quick" if quick else "whole")
    for (name, (took, cpu)), target in zip(found["points"].items(), (60, 20, 60), strict=True):
        yield Figure(name, took, "s", None if quick else target)
        yield Figure("  its processor time, all processes", cpu, "s", None)
    rows = "100 000" if quick else "a million"
    yield Figure(f"open, filter, plot a store of {rows} points", found["store"], "s", 3)


def import_figures(quick: bool) -> Iterator[Figure]:
    """Import and reading in child processes, whose memory is measured."""
    found = _told("benchmarks.importing", "import")
    yield Figure("import and trace resnet50-thin", found["seconds"], "s", 60)
    yield Figure("its memory beside its tensors (float32)", found["ratio"], "x", 2)
    if quick:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "vgg16.safetensors")
        made = "zoo.synthetic_trace(zoo.shape_network('vgg16'))"
        code = f"from accelsim import zoo, trace; trace.write({made}, {path!r})"
        subprocess.run([sys.executable, "-c", code], check=True)
        found = _told("benchmarks.importing", "read", path)
    yield Figure("read all of VGG-16's trace, memory / tensors", found["ratio"], "x", 2)


GROUPS: dict[str, Callable[[bool], Iterator[Figure]]] = {
    "kernels": kernel_figures,
    "report": report_figures,
    "dram": dram_figures,
    "mapper": mapper_figures,
    "network": network_figures,
    "study": study_figures,
    "formats": format_figures,
    "import": import_figures,
    "start": start_figures,
}


def _told(*arguments: str) -> dict[str, Any]:
    """What a module of its own process prints as JSON."""
    command = [sys.executable, "-m", *arguments]
    found: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return found


def main() -> None:
    """Print the machine and the table; write them as JSON if asked."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure the simulator's speed."
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer repeats, a part of ResNet-50, no first run"
    )
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=[*GROUPS], help="groups of figures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    arguments = parser.parse_args()
    described = machine.description()
    for name, value in described.items():
        print(f"{name:<12} {value}")
    print()
    found = []
    for group in arguments.only:
        for figure in GROUPS[group](arguments.quick):
            found.append(figure)
            print(figure.line(), flush=True)
    if arguments.json is not None:
        rows = [asdict(figure) | {"verdict": figure.verdict} for figure in found]
        text = json.dumps({"machine": described, "figures": rows}, indent=2)
        arguments.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
