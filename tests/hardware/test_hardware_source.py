import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import HardwareError
from accelsim.hardware.source import MAX_BYTES, read_source, scalar

pytestmark = pytest.mark.small


def error_of(text: bytes) -> str:
    with pytest.raises(HardwareError) as caught:
        read_source(text, "chip.yaml")
    return str(caught.value)


def test_every_key_has_its_line() -> None:
    source = read_source(b"# a chip\na: 1\n\nb:\n  c: two\n  d: {e: 0.5, f: null}\n", "chip.yaml")
    assert source.values == {"a": 1, "b": {"c": "two", "d": {"e": 0.5, "f": None}}}
    assert source.errors == []
    assert {".".join(path): place for path, place in source.places.items()} == {
        "": "chip.yaml:2",
        "a": "chip.yaml:2",
        "b": "chip.yaml:4",
        "b.c": "chip.yaml:5",
        "b.d": "chip.yaml:6",
        "b.d.e": "chip.yaml:6",
        "b.d.f": "chip.yaml:6",
    }
    assert source.place(("b", "x", "y")) == "chip.yaml:4"


def test_an_alias_bomb_is_refused_unexpanded() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n"
    assert error_of(bomb.encode()) == "chip.yaml:2: YAML aliases are refused: *a"


def test_a_merge_key_cannot_smuggle_an_alias() -> None:
    assert error_of(b"a: &a {rows: 1}\nb:\n  <<: *a\n") == "chip.yaml:3: YAML aliases are refused: *a"


def test_deep_nesting_is_refused_without_recursion() -> None:
    assert error_of(b"a: " + b"[" * 100_000) == "chip.yaml:1: nested deeper than 8 levels"
    assert error_of(b"{" * 9) == "chip.yaml:1: nested deeper than 8 levels"


def test_a_file_over_1_mb_is_refused() -> None:
    small = b"a: 1 #" + b"x" * (MAX_BYTES - 6)
    assert read_source(small, "chip.yaml").values == {"a": 1}
    assert (
        error_of(small + b"x") == f"chip.yaml: a chip's file has at most 1000000 bytes, not {MAX_BYTES + 1}"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "chip.yaml:1: a chip must be a mapping of keys, not an empty file"),
        (b"- 1\n", "chip.yaml:1: a chip must be a mapping of keys, not a list"),
        (b"rows", "chip.yaml:1: a chip must be a mapping of keys, not 'rows'"),
        (b"a: 1\nb: [\n", "chip.yaml:3: not YAML: "),
        (b"a: 1\n---\nb: 2\n", "chip.yaml:2: not YAML: "),
        (b"a: 1\n\tb: 2\n", "chip.yaml:2: not YAML: "),
        (b"a: \xff", "chip.yaml: not UTF-8 text at byte 3"),
        (b"a: \x01", "chip.yaml: not YAML: "),
    ],
)
def test_what_is_no_mapping_is_refused(text: bytes, message: str) -> None:
    assert error_of(text).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"a: 1\nb: 2\na: 3\n", "chip.yaml:3: duplicate key 'a', already given at chip.yaml:1"),
        (b"a:\n  b: 1\n  b: 1\n", "chip.yaml:3: duplicate key 'a.b', already given at chip.yaml:2"),
        (b"? {a: 1}\n: 2\n", "chip.yaml:1: a key must be one word, not a mapping"),
        (b"a: !!python/object/apply:os.getcwd []\n", "chip.yaml:1: a must be one value, not a list"),
        (
            b"a: !!python/name:os.system ''\n",
            "chip.yaml:1: a must be a number or text, not '' of YAML type tag:yaml.org,2002:python/name:os",
        ),
        (b"a: !!int x\n", "chip.yaml:1: a must be written as a decimal number, not 'x'"),
        (b"a: " + b"9" * 5000, "chip.yaml:1: a must be a YAML value, not '999"),
    ],
)
def test_what_cannot_be_read_is_kept_as_an_error(text: bytes, message: str) -> None:
    ((_, found),) = read_source(text, "chip.yaml").errors
    assert found.startswith(message)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_give_a_mapping_or_a_hardware_error(text: bytes) -> None:
    try:
        source = read_source(text, "chip.yaml")
    except HardwareError:
        return
    assert isinstance(source.values, dict)


@given(st.text(max_size=30))
def test_any_text_gives_a_scalar_or_a_value_error(text: str) -> None:
    try:
        value = scalar(text)
    except ValueError:
        return
    assert value is None or isinstance(value, str | int | float)
