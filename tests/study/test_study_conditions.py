"""Conditions of a study: what they say, and that nothing else gets in."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import InputError
from accelsim.study.conditions import condition

CHIP = {
    "pe_array.rows": 16,
    "pe_array.columns": 8,
    "dram.model": "banked",
    "scratchpad.capacity_bytes": 524288,
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("pe_array.rows * pe_array.columns == 128", True),
        ("scratchpad.capacity_bytes <= 1e6", True),
        ("8 <= pe_array.rows < 16", False),
        ("not pe_array.rows == 16 or dram.model == 'banked'", True),
        ("pe_array.rows % 3 == 1 and pe_array.rows // 3 == 5", True),
        ("pe_array.rows / 32 == 0.5 and -pe_array.rows < 0", True),
    ],
)
def test_conditions_say_what_they_say(text, holds):
    assert condition(text).holds(CHIP) is holds


def test_names_are_known_before_anything_is_computed():
    assert condition("a.b < 3 and c == 'x'").names == {"a.b", "c"}


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "pe_array.rows.__class__ == 1",
        "open('x')",
        "[x for x in (1, 2)]",
        "lambda: 1",
        "rows if 1 else 2",
        "rows ** 99",
        "f'{rows}'",
        "(rows := 3)",
        "rows in (1, 2)",
        "rows[0] == 1",
        "None == rows",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(InputError, match="not allowed"):
        condition(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("pe_array.rwos < 3", r"unknown name 'pe_array\.rwos'; did you mean 'pe_array\.rows'\?"),
        ("dram.model < 3", "cannot be computed with 'banked' and 3"),
        ("pe_array.rows / 0 > 1", "division by zero"),
    ],
)
def test_what_cannot_be_computed_is_told(text, told):
    with pytest.raises(InputError, match=told):
        condition(text).holds(CHIP)


@pytest.mark.parametrize("text", ["", "rows <", "1 2", "(" * 300 + "1" + ")" * 300, "x" * 2000, "a\0b"])
def test_what_is_no_condition_is_told(text):
    with pytest.raises(InputError, match="condition"):
        condition(text)


@given(st.text(max_size=60))
def test_any_text_is_a_condition_or_an_error(text):
    with contextlib.suppress(InputError):
        condition(text).holds(CHIP)
