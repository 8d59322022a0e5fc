"""CPU seconds of SCALE-Sim and accelsim, the same layers on a 32 x 32 systolic array: docs/comparison.md.

    python -m venv scalesim
    scalesim/bin/python -m pip install scalesim==3.0.0 'numpy<2.3'
    scalesim/bin/python tools/compare_scalesim.py scalesim        # in its own environment
    python tools/compare_scalesim.py accelsim

Each prints CSV: layer, stationary operand, cycles, median CPU seconds; of the layers named behind it,
or of those of the page. The first run of each is not counted (imports, compiled kernels). SCALE-Sim writes no
traces to disk; accelsim counts the values of dense tensors.
"""

import contextlib
import csv
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

LAYERS = Path(__file__).parents[1] / "tests" / "dataflows" / "scalesim_cycles.csv"
SHAPE = ("height", "width", "kernel_h", "kernel_w", "channels", "filters", "stride")
NAMES = ("resnet_stem_half", "resnet_conv2_1x1a", "resnet_conv2_3x3", "resnet_conv4_3x3", "alexnet_conv3")
STATIONARY = {"os": "outputs", "ws": "weights", "is": "activations"}
SIDE = 32
REPETITIONS = 3
CONFIGURATION = """[general]
run_name = run
[architecture_presets]
ArrayHeight : {side}
ArrayWidth : {side}
IfmapSramSzkB : 1024
FilterSramSzkB : 1024
OfmapSramSzkB : 1024
IfmapOffset : 0
FilterOffset : 10000000
OfmapOffset : 20000000
Bandwidth : 10
Dataflow : {dataflow}
MemoryBanks : 1
ReadRequestBuffer : 32
WriteRequestBuffer : 32
[layout]
IfmapCustomLayout : False
IfmapSRAMBankBandwidth : 10
IfmapSRAMBankNum : 10
IfmapSRAMBankPort : 2
FilterCustomLayout : False
FilterSRAMBankBandwidth : 10
FilterSRAMBankNum : 10
FilterSRAMBankPort : 2
[sparsity]
SparsitySupport : false
SparseRep : ellpack_block
OptimizedMapping : false
BlockSize : 8
RandomNumberGeneratorSeed : 40
[run_presets]
InterfaceBandwidth : CALC
UseRamulatorTrace : False
"""


def scalesim(row: dict[str, str]) -> Callable[[], int]:
    """Runs the layer; gives its compute cycles as SCALE-Sim reports them."""
    from scalesim.scale_sim import scalesim as simulator

    folder = Path(tempfile.mkdtemp())
    (folder / "run.cfg").write_text(CONFIGURATION.format(side=SIDE, dataflow=row["dataflow"]))
    shape = ",".join(row[name] for name in SHAPE)
    (folder / "topology.csv").write_text(f"heading\n{row['layer']},{shape},1:1,\n")
    (folder / "layout.csv").write_text(f"heading\n{row['layer']}," + "1," * 20 + "\n")

    def run() -> int:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            files = {name: str(folder / f"{name}.csv") for name in ("topology", "layout")}
            one = simulator(
                save_disk_space=True,
                verbose=False,
                config=str(folder / "run.cfg"),
                input_type_gemm=False,
                **files,
            )
            one.run_scale(top_path=str(folder))
        report = next(folder.rglob("COMPUTE_REPORT.csv")).read_text().splitlines()
        return int(float(report[1].split(",")[2]))

    return run


def accelsim(row: dict[str, str]) -> Callable[[], int]:
    """Runs the layer, memory and energy included; gives its compute cycles."""
    import numpy as np

    from accelsim import load_hardware, simulate, trace

    h, w, r, s, c, k, stride = (int(row[name]) for name in SHAPE)
    generator = np.random.default_rng(0)
    weights = generator.integers(1, 100, (k, r, s, c)).astype(np.int8)
    activations = generator.integers(1, 100, (1, h, w, c)).astype(np.uint8)
    layer = trace.from_arrays(weights, activations, stride=stride)
    keys = [f"pe_array.rows={SIDE}", f"pe_array.columns={SIDE}", "pe_array.pipeline_cycles=0"]
    chip = load_hardware(
        "systolic-outputs-16x32", [*keys, f"pe_array.stationary={STATIONARY[row['dataflow']]}"]
    )
    return lambda: simulate(layer, chip, toggles="off", threads=1).total("compute_cycles")


def main() -> None:
    """Print a row per layer and stationary operand."""
    which = {"scalesim": scalesim, "accelsim": accelsim}[sys.argv[1]]
    names = sys.argv[2:] or NAMES
    with LAYERS.open() as file:
        rows = [row for row in csv.DictReader(file) if row["layer"] in names and int(row["rows"]) == SIDE]
    print("layer,stationary,cycles,cpu_s")
    for row in rows:
        if row["dataflow"] == "is":
            continue
        run = which(row)
        run()
        seconds = []
        for _ in range(REPETITIONS):
            start = time.process_time()
            cycles = run()
            seconds.append(time.process_time() - start)
        print(
            f"{row['layer']},{STATIONARY[row['dataflow']]},{cycles},{statistics.median(seconds):.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
