import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hardware_keys import keys
from hypothesis import example, given
from hypothesis import strategies as st

from accelsim.hardware import (
    ARRAYS,
    DRAMS,
    Accelerator,
    hardware_hash,
    load_hardware,
    presets,
    schema,
    to_yaml,
)

pytestmark = pytest.mark.small


CHANGES = {
    "name": "other",
    "description": "other",
    "pe_array.weight_policy": "gate",
    "pe_array.activation_policy": "gate",
    "pe_array.chunk_elements": "128",
    "pe_array.lane_assignment": "fixed",
    "pe_array.broadcast_domain": "row",
    "pe_array.unrolling": "flexible",
    "pe_array.weight_bits": "16",
    "pe_array.activation_bits": "16",
    "pe_array.accumulator_bits": "24",
    "encodings.weights": "bitmask",
    "encodings.activations": "bitmask",
    "encodings.outputs": "bitmask",
    "encodings.dram_weights": "csr",
    "encodings.dram_activations": "run_length4",
    "encodings.dram_outputs": "run_length4",
    "encodings.dram_weight_bits": "4",
    "encodings.dram_weight_codebook": "true",
    "dram.burst_bytes": "32",
    "dram.efficiency_fraction": "0.5",
    "scratchpad.ports": "separate",
    "scratchpad.layout": "blocked",
    "scratchpad.weight_bytes": "100000",
    "scratchpad.activation_bytes": "200000",
    "scratchpad.output_bytes": "224288",
    "dma.chunk_bytes": "4096",
    "dma.operand_order": "partial_sums weights activations",
    "dma.arbitration": "drains_first",
    "energy.table": "other",
    "energy.dram": "hbm2",
    "energy.sram": "sram_hp",
    "energy.macro_bytes": "4096",
    "energy.overlay": "mine.csv",
}

REGIONS = ("scratchpad.weight_bytes", "scratchpad.activation_bytes", "scratchpad.output_bytes")
# Keys of one legal value (lane_sync: beside pooled lanes).
ONE_VALUE = ("schema_version", "dataflow", "dram.model", "pe_array.lane_sync")


@pytest.mark.parametrize("key", [key for key in keys("inner_join") if key not in ONE_VALUE])
def test_every_key_that_decides_a_result_changes_the_hash(key: str) -> None:
    needed = ["encodings.dram_weight_bits=8"] if key == "encodings.dram_weight_codebook" else []
    if key == "scratchpad.layout":
        quarters = ("weight_bytes=262144", "activation_bytes=131072", "output_bytes=131072", "banks=4")
        needed = [f"scratchpad.{quarter}" for quarter in quarters]
    chip = load_hardware("dense-16x16", needed)
    if key in REGIONS:  # all or none
        needed = [f"{region}={CHANGES[region]}" for region in REGIONS]
    other = load_hardware("dense-16x16", [*needed, f"{key}={CHANGES.get(key, '9')}"])
    assert other != chip
    assert (hardware_hash(other) == hardware_hash(chip)) == (key in ("name", "description"))


def test_the_hash_is_the_same_in_another_process_and_for_1000_as_for_1000_0() -> None:
    code = (
        "from accelsim.hardware import hardware_hash, load_hardware;"
        "print(hardware_hash(load_hardware('dense-16x16', ['clock_mhz=1000'])))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    digest = hardware_hash(load_hardware("dense-16x16", ["clock_mhz=1000.0"]))
    assert run.stdout.strip() == digest
    assert re.fullmatch("[0-9a-f]{64}", digest)


@pytest.mark.parametrize("name", list(presets()))
def test_a_chip_survives_its_yaml(name: str, tmp_path: Path) -> None:
    path = tmp_path / "chip.yaml"
    path.write_text(to_yaml(load_hardware(name)))
    assert load_hardware(path) == load_hardware(name)


@example(name="a", description="one\x85two\u2028three", clock=1.0)
@given(
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]*", fullmatch=True).filter(lambda s: s.isascii()),
    description=st.text(st.characters(exclude_categories=("Cs",)), max_size=200),
    clock=st.floats(1e-6, 1e12),
)
def test_any_text_and_number_survives_its_yaml(
    name: str, description: str, clock: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    values = load_hardware("dense-16x16").model_dump()
    chip = Accelerator.model_validate(
        values | {"name": name.strip(), "description": description, "clock_mhz": clock}
    )
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(to_yaml(chip).encode())
    assert load_hardware(path) == chip


def test_every_key_is_commented_with_its_description() -> None:
    lines = to_yaml(load_hardware("dense-16x16")).splitlines()
    commented = [line for line in lines if re.fullmatch(r" *\w+: .+  # .+", line)]
    assert len(commented) == len(keys("inner_join"))
    assert "  rows: 16  # PE rows" in lines


def test_the_schema_knows_every_key_and_no_other() -> None:
    text = schema()
    json.dumps(text)
    definitions = [text, *text["$defs"].values()]
    assert all(part["additionalProperties"] is False for part in definitions)
    known = {name for part in definitions for name in part["properties"]}
    assert known >= {key.rsplit(".", 1)[-1] for dataflow in ARRAYS for key in keys(dataflow)}
    for dataflow, kind in ARRAYS.items():
        array = {key.removeprefix("pe_array.") for key in keys(dataflow) if key.startswith("pe_array.")}
        assert set(text["$defs"][kind.__name__]["properties"]) == array


def test_the_page_describes_every_key() -> None:
    page = (Path(__file__).parents[2] / "docs" / "hardware.md").read_text()
    described = set(re.findall(r"^\| `([\w.]+)` \|", page, re.MULTILINE))
    known = {key for dataflow in ARRAYS for dram in DRAMS for key in keys(dataflow, dram=dram)}
    assert described == known
