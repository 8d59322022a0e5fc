"""Measured ceilings of a CPU: 8-bit operations a second and bytes a second, of one core and of all.

::

    int8    onnxruntime, MatMulInteger uint8 [1024, 1024] x int8 [1024, 1024] -> int32, best repetition
    memory  numpy copies of 128 MiB, a slice per core: bytes read and written a second, best repetition

`workloads/measured/cpu_ceilings.csv` holds those of one CPU with VNNI. A matrix product of this size stays in
the caches and has no requantisation: a ceiling, not what a network reaches. A copy's write may first read
the line it writes; such reads are not counted.
"""

import os
import platform
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.errors import InputError
from accelsim.frontend.quantise import require_onnx
from accelsim.zoo import workloads_folder

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("cpu", "vnni", "cores", "int8_tops", "memory_gb_per_s", "method", "date", "versions")
METHOD = (
    "onnxruntime MatMulInteger u8 x s8, 1024^3; numpy copy of 128 MiB, bytes read + written; best repetition"
)
_SIDE = 1024
_COPY_BYTES = 128 * 2**20


def shipped_ceilings() -> "pd.DataFrame":
    """Those that are shipped, columns `COLUMNS`."""
    return read_ceilings(workloads_folder() / "measured" / "cpu_ceilings.csv")


def read_ceilings(path: Path) -> "pd.DataFrame":
    """A file of `measured_ceilings`.

    Raises
    ------
    InputError
        If it cannot be read, a column is missing, or a rate is not positive.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    if missing := [column for column in COLUMNS if column not in table]:
        raise InputError(f"{path}: no column {missing[0]!r}; there are {', '.join(map(str, table.columns))}")
    for column in ("cores", "int8_tops", "memory_gb_per_s"):
        values = pd.to_numeric(table[column], errors="coerce")
        for line, (value, given) in enumerate(zip(values, table[column], strict=True), start=2):
            if not value > 0:
                raise InputError(f"{path}:{line}: {column} must be positive, not {given}")
        table[column] = values
    return table


def measured_ceilings(seconds: float = 2.0, progress: Callable[[str], None] | None = None) -> "pd.DataFrame":
    """Measure this machine's CPU: a row for one core, and one for all where there are more.

    Parameters
    ----------
    seconds : for each of the measurements

    Raises
    ------
    InputError
        If onnxruntime is not installed, or seconds are not positive.
    """
    import pandas as pd

    if not seconds > 0:
        raise InputError(f"seconds must be positive, not {seconds}")
    require_onnx()
    import onnxruntime

    name, vnni = cpu_name()
    rows = []
    for cores in sorted({1, usable_cores()}):
        rows.append(
            {
                "cpu": name,
                "vnni": vnni,
                "cores": cores,
                "int8_tops": int8_tops(cores, seconds),
                "memory_gb_per_s": memory_gb_per_s(cores, seconds),
                "method": METHOD,
                "date": date.today().isoformat(),
                "versions": f"onnxruntime {onnxruntime.__version__}, numpy {np.__version__}",
            }
        )
        if progress is not None:
            progress(f"{cores} core(s)")
    return pd.DataFrame(rows, columns=list(COLUMNS))


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_name() -> tuple[str, str]:
    """The CPU's name, and which of VNNI's instructions it has (`none`, or `unknown` off Linux)."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine(), "unknown"
    said = {
        key.strip(): value.strip()
        for key, _, value in (line.partition(":") for line in reversed(text.splitlines()))
    }
    name = said.get("model name", platform.machine())
    if "cpu family" in said:
        name += f" (family {said['cpu family']}, model {said.get('model', '?')})"
    found = [flag for flag in ("avx512_vnni", "avx_vnni") if flag in said.get("flags", "").split()]
    return name, " ".join(found) or "none"


def int8_tops(cores: int, seconds: float) -> float:
    """10^12 operations a second of an 8-bit matrix product, two per multiplication."""
    import onnx
    import onnxruntime

    generator = np.random.default_rng(0)
    left = generator.integers(0, 256, (_SIDE, _SIDE)).astype(np.uint8)
    right = generator.integers(-127, 128, (_SIDE, _SIDE)).astype(np.int8)
    helper = onnx.helper
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["left", "right"], ["product"])],
        "ceiling",
        [helper.make_tensor_value_info("left", onnx.TensorProto.UINT8, [_SIDE, _SIDE])],
        [helper.make_tensor_value_info("product", onnx.TensorProto.INT32, [_SIDE, _SIDE])],
        [onnx.numpy_helper.from_array(right, "right")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores
    options.inter_op_num_threads = 1
    session: Any = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    fastest = _fastest(lambda: session.run(None, {"left": left}), seconds)
    return 2 * _SIDE**3 / fastest / 1e12


def memory_gb_per_s(cores: int, seconds: float) -> float:
    """10^9 bytes read and written in a second of copying."""
    source, target = np.ones(_COPY_BYTES // 8), np.zeros(_COPY_BYTES // 8)
    pairs = list(zip(np.array_split(target, cores), np.array_split(source, cores), strict=True))
    with ThreadPoolExecutor(cores) as pool:  # a copy releases the interpreter
        fastest = _fastest(lambda: list(pool.map(lambda pair: np.copyto(*pair), pairs)), seconds)
    return 2 * _COPY_BYTES / fastest / 1e9


def _fastest(work: Callable[[], Any], seconds: float) -> float:
    """Seconds of the fastest of as many repetitions as fit, at least two; one before them is not counted."""
    work()
    fastest, done, until = np.inf, 0, perf_counter() + seconds
    while done < 2 or perf_counter() < until:
        start = perf_counter()
        work()
        fastest, done = min(fastest, perf_counter() - start), done + 1
    return float(fastest)
