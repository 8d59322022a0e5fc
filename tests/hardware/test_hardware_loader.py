from collections.abc import Callable
from pathlib import Path

import pytest

from accelsim.errors import HardwareError
from accelsim.hardware import Accelerator, load_hardware, presets, to_yaml

pytestmark = pytest.mark.small

Edit = Callable[..., Path]


@pytest.fixture
def chip_file(tmp_path: Path) -> Edit:
    """Write the dense preset with lines replaced: `chip_file(("  rows: 16", "  rows: 0"))`."""

    def write(*edits: tuple[str, str], append: str = "") -> Path:
        text = to_yaml(load_hardware("dense-16x16"))
        for old, new in edits:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        path = tmp_path / "chip.yaml"
        path.write_text(text + append)
        return path

    return write


def line_of(path: Path, text: str) -> int:
    (number,) = [i for i, line in enumerate(path.read_text().splitlines(), 1) if line.startswith(text)]
    return number


def errors_of(path: str | Path, *overrides: str) -> list[str]:
    with pytest.raises(HardwareError) as caught:
        load_hardware(path, overrides)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  rows: 16", "  rows: 0", "pe_array.rows must be at least 1, not 0"),
        ("  rows: 16", "  rows: 5000", "pe_array.rows must be at most 4096, not 5000"),
        ("  rows: 16", "  rows: 16.0", "pe_array.rows must be an integer, not 16.0"),
        ("  rows: 16", "  rows: many", "pe_array.rows must be an integer, not 'many'"),
        ("  rows: 16", "  rows: true", "pe_array.rows must be an integer, not true"),
        ("  rows: 16", "  rows:", "pe_array.rows must be an integer, not empty"),
        ("  rows: 16", "  rows: [16]", "pe_array.rows must be one value, not a list"),
        ("  rows: 16", "  rows: {a: 1}", "pe_array.rows must be an integer, not a mapping of keys"),
        (
            "  rows: 16",
            "  rows: 2024-01-01",
            "pe_array.rows must be a number or text, not '2024-01-01' of YAML type "
            "tag:yaml.org,2002:timestamp",
        ),
        (
            "  chunk_elements: 64",
            "  chunk_elements: 7",
            "pe_array.chunk_elements must be 1, 8, 16, 32, 64, 128 or 256, not 7",
        ),
        ("clock_mhz: 1000.0", "clock_mhz: fast", "clock_mhz must be a number, not 'fast'"),
        ("clock_mhz: 1000.0", "clock_mhz: 1e3", "clock_mhz must be a number (as 1000.0), not '1e3'"),
        ("  rows: 16", "  rows: 010", "pe_array.rows must be written as a decimal number, not '010'"),
        (
            "clock_mhz: 1000.0",
            "clock_mhz: 16:40",
            "clock_mhz must be written as a decimal number, not '16:40'",
        ),
        ("clock_mhz: 1000.0", "clock_mhz: .nan", "clock_mhz must be a finite number, not nan"),
        ("clock_mhz: 1000.0", "clock_mhz: -5", "clock_mhz must be at least 1e-06, not -5"),
        ("  table: 45nm", '  table: ""', "energy.table must not be empty, not ''"),
        ("  table: 45nm", "  table: 45", "energy.table must be text, not 45"),
        (
            "name: dense-16x16",
            "name: a b",
            "name must be letters, digits, '_', '.' and '-', beginning with a letter or digit, not 'a b'",
        ),
        (
            "  lanes: 2",
            "  lanes: 64\n  # a comment",
            None,
        ),
        (
            "  chunk_elements: 64",
            "  chunk_elements: 8\n",
            None,
        ),
    ],
)
def test_a_wrong_value_is_named_at_its_line(chip_file: Edit, old: str, new: str, message: str | None) -> None:
    path = chip_file((old, new))
    if message is None:
        assert isinstance(load_hardware(path), Accelerator)
    else:
        line = line_of(path, new.split(":")[0] + ":")
        assert errors_of(path) == [f"{path}:{line}: {message}"]


@pytest.mark.parametrize(
    ("edits", "where", "message"),
    [
        (
            [("  lanes: 2", "  lanes: 16"), ("  chunk_elements: 64", "  chunk_elements: 8")],
            "  lanes",
            "pe_array.lanes must be at most chunk_elements (8), not 16",
        ),
        (
            [("  lane_sync: step", "  lane_sync: set")],
            "  lane_sync",
            "pe_array.lane_sync 'set' needs lane_assignment 'fixed'; pooled lanes wait at every step",
        ),
        (
            [
                ("  broadcast_domain: array", "  broadcast_domain: row"),
                ("unrolling: fixed", "unrolling: flexible"),
            ],
            "  unrolling",
            "pe_array.unrolling 'flexible' needs broadcast_domain 'array': only a stream that reaches every PE can "
            "give any PE any chunk",
        ),
        (
            [("  weight_policy: compute", "  weight_policy: skip")],
            "  weights",
            "encodings.weights must be 'bitmask' where pe_array.weight_policy is 'skip'",
        ),
        (
            [("  activation_policy: compute", "  activation_policy: skip")],
            "  activations",
            "encodings.activations must be 'bitmask' where pe_array.activation_policy is 'skip'",
        ),
    ],
)
def test_a_rule_between_keys_is_put_at_the_key_it_is_about(
    chip_file: Edit, edits: list[tuple[str, str]], where: str, message: str
) -> None:
    path = chip_file(*edits)
    assert errors_of(path) == [f"{path}:{line_of(path, where + ':')}: {message}"]


def test_an_unknown_key_lists_the_known_and_suggests_the_nearest(chip_file: Edit) -> None:
    path = chip_file(("  burst_bytes: 64", "  burst_bytes: 64\n  latency_cycle: 3"))
    assert errors_of(path) == [
        f"{path}:{line_of(path, '  latency_cycle')}: dram: unknown key 'latency_cycle'; did you mean "
        "'latency_ns'?; known: model, peak_gb_per_s, efficiency_fraction, latency_ns, burst_bytes"
    ]


def test_a_key_like_no_other_gets_no_suggestion(chip_file: Edit) -> None:
    path = chip_file(append="zzz: 1\n")
    (message,) = errors_of(path)
    assert message.startswith(
        f"{path}:{line_of(path, 'zzz')}: unknown key 'zzz'; known: schema_version, name,"
    )


def test_a_missing_key_stands_at_its_parents_line(chip_file: Edit) -> None:
    path = chip_file(("  rows:", "  # rows:"), ("clock_mhz: 1000.0", ""))
    assert errors_of(path) == [
        f"{path}:1: missing key 'clock_mhz'",
        f"{path}:{line_of(path, 'pe_array')}: pe_array: missing key 'rows'",
    ]


def test_all_errors_come_at_once_in_order_of_line(chip_file: Edit) -> None:
    path = chip_file(
        ("  burst_bytes: 64", "  burst_bytes: 63"),
        ("  rows: 16", "  rows: 0\n  rows: 3\n  rows: 4"),
        ("  columns: 16", "  columns: x"),
    )
    rows, last = (
        n for n, line in enumerate(path.read_text().splitlines(), 1) if "rows: 0" in line or "63" in line
    )
    assert errors_of(path, "pe_array.lanes=0", "a.b", "pe_array.lane=2") == [
        f"{path}:{rows}: pe_array.rows must be at least 1, not 0",
        f"{path}:{rows + 1}: duplicate key 'pe_array.rows', already given at {path}:{rows}",
        f"{path}:{rows + 2}: duplicate key 'pe_array.rows', already given at {path}:{rows}",
        f"{path}:{rows + 3}: pe_array.columns must be an integer, not 'x'",
        f"{path}:{last}: dram.burst_bytes must be 1, 16, 32, 64, 128 or 256, not 63",
        *errors_of("dense-16x16", "a.b"),
        "--set pe_array.lanes=0: pe_array.lanes must be at least 1, not 0",
        *errors_of("dense-16x16", "pe_array.lane=2"),
    ]


def test_overrides_are_read_as_yaml_values_in_order() -> None:
    chip = load_hardware(
        "dense-16x16",
        [
            "pe_array.rows=8",
            "pe_array.rows=32",
            "dram.peak_gb_per_s=25.6",
            "energy.dram=hbm2",
            "description= a b ",
        ],
    )
    assert (chip.pe_array.rows, chip.dram.peak_gb_per_s) == (32, 25.6)
    assert (chip.energy.dram, chip.description) == ("hbm2", "a b")
    assert load_hardware("dense-16x16", []) == load_hardware("dense-16x16")


def test_an_override_mends_what_is_wrong_in_the_file(chip_file: Edit) -> None:
    path = chip_file(("  rows: 16", "  rows: [1, 2]"))
    assert load_hardware(path, ["pe_array.rows=4"]).pe_array.rows == 4


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("pe_array.rows=abc", "pe_array.rows must be an integer, not 'abc'"),
        ("pe_array.rows=", "pe_array.rows must be an integer, not empty"),
        ("pe_array.rows={a: 1}", "pe_array.rows must be one value, not a mapping"),
        ("pe_array.rows=[1]", "pe_array.rows must be one value, not a list"),
        ("pe_array.rows=[", "pe_array.rows must be a YAML value, not '['"),
        (
            "pe_array.rows=!!python/name:os.system x",
            "pe_array.rows must be a number or text, not 'x' of YAML",
        ),
        ("pe_array.rows", "must be key=value, as pe_array.rows=32"),
        ("=3", "must be key=value, as pe_array.rows=32"),
        ("pe_array..rows=3", "must be key=value, as pe_array.rows=32"),
        ("clock_mhz.fast=3", "clock_mhz has no keys below it"),
        ("pe_array=3", "pe_array must be a mapping of keys, not 3"),
        (
            "pe_array.row=3",
            "pe_array: unknown key 'row'; did you mean 'rows'?; known: rows, columns, weight_policy,",
        ),
        ("pe.rows=3", "unknown key 'pe'; known: schema_version,"),
    ],
)
def test_a_wrong_override_is_named_as_it_was_given(override: str, message: str) -> None:
    (line,) = errors_of("dense-16x16", override)
    assert line.startswith(f"--set {override}: {message}")


def test_an_unknown_chip_names_the_shipped_ones(tmp_path: Path) -> None:
    (message,) = errors_of("dense-16x61")
    assert message == (
        "dense-16x61: neither a file nor a shipped chip; did you mean 'dense-16x16'?; shipped: "
        f"{', '.join(presets())}"
    )
    assert errors_of(tmp_path)[0].startswith(f"{tmp_path}: cannot read the chip: ")
    assert errors_of("a\0b")[0].startswith("a\0b: cannot read the chip: ")
    assert errors_of("x" * 5000)[0].startswith("xxx")


def test_every_line_of_a_shipped_chip_gives_its_reason() -> None:
    for path in presets().values():
        for line in path.read_text().splitlines():
            key = line.split("#")[0].strip()
            assert not key or key.endswith(":") or "# " in line, line


def test_shipped_chips_differ_only_in_policies_and_encodings() -> None:
    assert [load_hardware(name).name for name in presets()] == list(presets())
    chips = [load_hardware(name) for name in presets() if name.endswith("16x16")]
    same = {
        chip.model_copy(
            update={
                "name": "x",
                "description": "",
                "encodings": chips[0].encodings,
                "pe_array": chip.pe_array.model_copy(
                    update={
                        "weight_policy": "compute",
                        "activation_policy": "compute",
                    }
                ),
            }
        ).model_dump_json()
        for chip in chips
    }
    assert len(same) == 1
    assert [chip.peak_tops for chip in chips] == [1.024] * 3
    policies = [(c.pe_array.weight_policy, c.pe_array.activation_policy) for c in chips]
    assert policies == [("compute", "skip"), ("skip", "skip"), ("compute", "compute")]
