"""Studies as files: what their axes mean, and errors with file, line and key."""

import pytest

from accelsim.errors import InputError
from accelsim.study.samplers import grid, latin_hypercube
from accelsim.study.study_file import read_study

HEAD = "name: s\nbase: both-skip-16x16\nworkloads: [a.safetensors]\n"


@pytest.fixture
def read(tmp_path):
    def one(text, head=HEAD):
        path = tmp_path / "s.yaml"
        path.write_text(head + text)
        return read_study(path)[0]

    return one


def base(point):
    return {"pe_array.rows": 16, "pe_array.lanes": 2} | point


def test_a_grid_is_every_combination_the_last_axis_fastest(read):
    study = read("axes:\n- {key: pe_array.rows, values: [8, 16]}\n- {key: pe_array.lanes, values: [1, 2]}\n")
    points = list(grid(study, base))
    assert points == [{"pe_array.rows": r, "pe_array.lanes": lanes} for r in (8, 16) for lanes in (1, 2)]


def test_linked_keys_change_together(read):
    study = read("axes:\n- {keys: [pe_array.rows, pe_array.columns], values: [[8, 8], [16, 16]]}\n")
    assert list(grid(study, base)) == [
        {"pe_array.rows": 8, "pe_array.columns": 8},
        {"pe_array.rows": 16, "pe_array.columns": 16},
    ]


def test_a_log_range_of_integers_is_rounded_and_has_no_step_twice(read):
    study = read(
        "axes:\n- {key: pe_array.rows, log: {from: 1, to: 64, points: 7}}\n- {key: a, log: {from: 0.5, to: 2.0, points: 3}}\n"
    )
    assert [step["pe_array.rows"] for step in study.axes[0].steps()] == [1, 2, 4, 8, 16, 32, 64]
    assert [step["a"] for step in study.axes[1].steps()] == pytest.approx([0.5, 1.0, 2.0])
    few = read("axes:\n- {key: pe_array.rows, linear: {from: 1, to: 3, points: 9}}\n")
    assert [step["pe_array.rows"] for step in few.axes[0].steps()] == [1, 2, 3]


def test_a_condition_leaves_an_axis_to_the_base_and_equal_points_are_one(read):
    study = read(
        "axes:\n- {key: pe_array.rows, values: [8, 32]}\n"
        "- {key: pe_array.lanes, values: [1, 2, 4], when: pe_array.rows <= 16}\n"
    )
    points = list(grid(study, base))
    assert points[-1] == {"pe_array.rows": 32}
    assert len(points) == 4


def test_a_latin_hypercube_has_each_step_equally_often_and_is_seeded(read):
    text = (
        "axes:\n- {key: a, values: [1, 2, 3, 4]}\n- {key: b, linear: {from: 0.0, to: 1.5, points: 80}}\n"
        "sampler: {kind: latin_hypercube, points: 40, seed: SEED}\n"
    )
    points = list(latin_hypercube(read(text.replace("SEED", "7")), base))
    assert [sum(point["a"] == a for point in points) for a in (1, 2, 3, 4)] == [10] * 4
    assert len({point["b"] for point in points}) == 40
    assert points == list(latin_hypercube(read(text.replace("SEED", "7")), base))
    assert points != list(latin_hypercube(read(text.replace("SEED", "8")), base))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("axes:\n- key: a\n  log: {from: 1, to: 8, points: 1}\n", r"s\.yaml:6: axes\.0\.log\.points"),
        ("axis: []\n", r"s\.yaml:4: unknown key 'axis'"),
        ("axes:\n- {key: a, values: []}\n", r"s\.yaml:5: axes\.0: values must not be empty"),
        (
            "axes:\n- {key: a, values: [1], log: {from: 1, to: 2, points: 2}}\n",
            "one of values, linear and log",
        ),
        ("axes:\n- {keys: [a, b], values: [[1, 2], [3]]}\n", "lists of 2, not"),
        ("axes:\n- {key: a, log: {from: 0, to: 2, points: 2}}\n", "positive numbers"),
        ("axes:\n- {key: a, values: [1]}\n- {key: a, values: [2]}\n", "a has two axes"),
        ("axes:\n- {key: 'a b', values: [1]}\n", r"s\.yaml:5: axes\.0\.key"),
        ("constraints: [open('x')]\n", r"s\.yaml:4: constraints\.0: .*not allowed"),
        ("sampler: {kind: optuna, points: 3}\n", "objectives must be given"),
        ("sampler: {kind: latin_hypercube}\n", "points belongs to"),
        ("budgets: {area_mm2: -1}\n", r"s\.yaml:4: budgets\.area_mm2"),
        ("objectives: [{minimise: a, maximise: b}]\n", "either minimise or maximise"),
    ],
)
def test_errors_say_file_line_and_key(read, text, told):
    with pytest.raises(InputError, match=told):
        read(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a\n", "mapping of keys"),
        ("a: *b\n", "aliases"),
        ("a: [1\n", "not YAML"),
        ("name: s\n", "missing key 'base'"),
    ],
)
def test_what_is_no_study_is_told(read, text, told):
    with pytest.raises(InputError, match=told):
        read(text, head="")


def test_every_error_is_reported_at_once(read):
    with pytest.raises(InputError) as caught:
        read("axes:\n- {key: a}\n- {values: [1]}\nsampler: {points: 0}\n")
    assert len(str(caught.value).splitlines()) == 3
