import itertools

import numpy as np
import pytest

from accelsim.plots.style import (
    CAUSE_LOOKS,
    COMPONENT_LOOKS,
    component_looks,
    cycle_scale,
    energy_scale,
    shortened,
)
from accelsim.tables import CAUSES

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
DEFICIENCIES = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


def lab(colour, deficiency):
    """CIE L*a*b* (D65) of a colour as the given eyes see it."""
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(DEFICIENCIES[deficiency] @ linear, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x = to_xyz @ seen / np.array([0.9505, 1.0, 1.089])
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.small
@pytest.mark.parametrize("deficiency", DEFICIENCIES)
@pytest.mark.parametrize("looks", [CAUSE_LOOKS, COMPONENT_LOOKS])
def test_neighbours_in_a_stack_stay_apart_for_colour_blind_eyes(looks, deficiency):
    ordered = list(looks.values())
    for one, other in itertools.pairwise(ordered):
        distance = np.linalg.norm(lab(one.colour, deficiency) - lab(other.colour, deficiency))
        assert distance > 15, (one.label, other.label)


@pytest.mark.small
def test_every_cause_has_its_own_look_in_the_order_of_causes():
    assert tuple(CAUSE_LOOKS) == CAUSES
    assert len({(look.colour, look.hatch) for look in CAUSE_LOOKS.values()}) == len(CAUSES)
    assert len({look.label for look in CAUSE_LOOKS.values()}) == len(CAUSES)


@pytest.mark.small
def test_unknown_components_get_looks_of_their_own():
    looks = component_looks(["mac", *(f"unit_{n}" for n in range(12))])
    assert looks["mac"] == COMPONENT_LOOKS["mac"]
    assert len({(look.colour, look.hatch) for look in looks.values()}) == len(COMPONENT_LOOKS) + 12


@pytest.mark.small
@pytest.mark.parametrize(
    ("largest", "expected"),
    [(1999, (1, "cycles")), (2000, (1e3, "thousand cycles")), (2e6, (1e6, "million cycles"))],
)
def test_cycles_are_shown_in_a_unit_that_gives_short_numbers(largest, expected):
    assert cycle_scale(largest) == expected


@pytest.mark.small
@pytest.mark.parametrize(("largest_pj", "unit"), [(0, "pJ"), (3e3, "nJ"), (3e6, "µJ"), (3e9, "mJ")])
def test_energy_is_shown_in_a_unit_that_gives_short_numbers(largest_pj, unit):
    assert energy_scale(largest_pj)[1] == unit


@pytest.mark.small
def test_a_shortened_name_keeps_its_beginning_and_its_end():
    name = "/features/features.17/conv/conv.0/Conv_quantised"
    short = shortened(name, 30)
    assert len(short) == 30
    head, tail = short.split("…")
    assert name.startswith(head)
    assert name.endswith(tail)
    assert shortened("conv1", 30) == "conv1"
