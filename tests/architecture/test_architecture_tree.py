"""Laws about the source itself."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "accelsim"
FILES = sorted(path for path in PACKAGE.rglob("*.py"))
TEXTS = sorted(
    path
    for folder in ("accelsim", "docs", "tests", "benchmarks", "notebooks", "workloads", "tools")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".md", ".yaml", ".csv", ".ipynb", ".txt", ".sh")
) + sorted(ROOT.glob("*.md"))
HEAVY = {
    "numba",
    "pandas",
    "matplotlib",
    "simpy",
    "onnx",
    "onnxruntime",
    "sklearn",
    "skimage",
    "scipy",
    "rich",
}
UNITS = ("cycles", "cycle", "bytes", "bits", "pj", "uj", "fraction", "mw", "mm2")
COUNTS = {"reads", "macs", "steps", "outputs", "products", "updates", "tiles", "operations", "toggles"}
KEYS = {"input", "layer", "tile"} | {f"{loop}{edge}" for loop in "nkcpq" for edge in "01"}
KEYS |= {"resident", "spatial", "fused"} | {f"tile_{loop}" for loop in "nkcpq"}


def names(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_no_file_is_longer_than_300_lines() -> None:
    lines = {name: len(path.read_text().splitlines()) for name, path in zip(names(FILES), FILES, strict=True)}
    assert {name: n for name, n in lines.items() if n > 300} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    long = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.end_lineno and node.end_lineno - node.lineno > 60
    }
    assert long == {}


def test_every_dataflow_has_a_reference_of_its_name_and_a_page() -> None:
    def public(folder: Path) -> set[str]:
        return {path.stem for path in folder.glob("*.py") if not path.name.startswith("_")}

    kernels, references = public(PACKAGE / "dataflows"), public(PACKAGE / "reference")
    assert kernels == references != set()
    pages = {path.stem for path in (ROOT / "docs" / "dataflows").glob("*.md")}
    assert pages == kernels | {"toggles"}  # what is common to those of all


def test_only_the_command_line_prints() -> None:
    printing = [
        name
        for name, path in zip(names(FILES), FILES, strict=True)
        if not name.startswith("accelsim/cli/")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []


def test_nothing_is_unpickled_or_evaluated() -> None:
    for path in FILES:
        assert not {"pickle", "marshal", "shelve", "dill"} & imported(path), path
        calls = [
            n.func.id
            for n in ast.walk(ast.parse(path.read_text()))
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        ]
        assert not {"eval", "exec"} & set(calls), path
        assert "allow_pickle=True" not in path.read_text(), path


@pytest.mark.parametrize(
    "statement", ["import accelsim", "import accelsim.cli", "import accelsim.trace, accelsim.hardware"]
)
def test_what_everyone_imports_is_light(statement: str) -> None:
    code = f"import sys; {statement}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert set(done.stdout.split()) - {"rich"} == set()


def test_every_folder_of_the_package_has_tests_of_its_own() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert {name for name in folders if not list((ROOT / "tests" / name).glob("test_*.py"))} == set()


def test_the_reference_runs_without_numba_kernels_and_dataflows() -> None:
    """Not even through what it imports: a shared mistake could hide there."""
    modules = [name[:-3].replace("/", ".") for name in names(FILES) if name.startswith("accelsim/reference/")]
    modules = [name.removesuffix(".__init__") for name in modules]
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    foreign = [
        name
        for name in done.stdout.split()
        if name.split(".")[0] in ("numba", "llvmlite")
        or name.startswith(("accelsim.kernels", "accelsim.dataflows"))
    ]
    assert foreign == []
    assert len(modules) >= 3


def is_a_quantity(column: str) -> bool:
    """Ends in a unit, or is a bare plural that counts; of a count, its error is a ratio in the glossary."""
    noun = column.removesuffix("_relative_standard_error").removesuffix("_without_hold")
    noun = noun.removesuffix("_read").removesuffix("_checked")  # mask_bits_read, outputs_checked
    last = noun.rsplit("_", 1)[-1]
    return last in UNITS or last in COUNTS


def test_columns_of_tables_end_in_a_unit_or_are_counts_and_are_int64() -> None:
    from accelsim.tables import COUNTERS, TIMELINE, TRAFFIC, WORK

    columns = {*COUNTERS, *TRAFFIC, *(TIMELINE.names or ()), *(WORK.names or ())} - KEYS
    assert {name for name in columns if not is_a_quantity(name)} == set()
    for table in (WORK, TIMELINE):
        assert {str(table[name]) for name in table.names or ()} == {"int64"}


def test_columns_of_written_tables_end_in_a_unit_or_are_counts(tmp_path: Path) -> None:
    import numpy as np
    import pandas as pd

    from accelsim.hardware import load_hardware
    from accelsim.report import write_run
    from accelsim.simulation import simulate
    from accelsim.trace import from_arrays

    generator = np.random.default_rng(0)
    weights = generator.integers(-2, 3, (4, 1, 1, 8)).astype(np.int8)
    activations = generator.integers(0, 3, (1, 2, 2, 8)).astype(np.uint8)
    write_run(simulate(from_arrays(weights, activations), load_hardware("both-skip-16x16")), tmp_path)
    tables = [pd.read_csv(path) for path in tmp_path.rglob("*.csv")]
    assert len(tables) >= 8
    numbers = {c for table in tables for c in table.select_dtypes("number").columns}
    # Ratios that the glossary defines by name, keys, and energy.csv's number beside its unit.
    others = {"effective_tops", "effectual_tops", "count", "pj_each"}
    others |= {"dense_operations_per_byte", "effectual_operations_per_byte", "ceiling_tops"}
    others |= {f"{ceiling}_ceiling_tops" for ceiling in ("skipping", "dram", "scratchpad")}
    assert {name for name in numbers - KEYS - others if not is_a_quantity(name)} == set()


def test_every_ratio_of_a_summary_is_in_the_glossary() -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text()
    source = (PACKAGE / "results.py").read_text()
    keys = set(re.findall(r'^            "(\w+)": ratio\(', source, re.MULTILINE))
    assert len(keys) >= 8
    spoken = {"cycles_mean", "ms_per_inference", "energy_uj_mean"}  # means, not ratios of two things
    assert {key for key in keys - spoken if f"`{key}`" not in glossary} == set()


def test_every_cause_is_in_the_glossary() -> None:
    from accelsim.tables import CAUSES

    glossary = (ROOT / "docs" / "glossary.md").read_text()
    assert {cause for cause in CAUSES if f"| `{cause}` |" not in glossary} == set()


def test_notebooks_are_kept_without_outputs() -> None:
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text())["cells"]
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells), path


def test_nothing_is_left_for_later_and_nothing_names_one_machine() -> None:
    later = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    home = re.compile(r"[\"' (](/ho" + r"me|/ro" + r"ot|/wo" + r"rk|/Use" + r"rs)/")
    for path in TEXTS:
        text = path.read_text()
        assert not later.search(text), path
        assert not home.search(text), path


def test_links_between_pages_lead_somewhere() -> None:
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_modules_of_the_tests_have_names_of_their_own() -> None:
    """They are imported by name from any folder of tests: two of one name are one module."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert sorted(names) == sorted(set(names))
