"""Channels in an order of little Hamming distance: the same layer, fewer toggles."""

import numpy as np
import pytest

from accelsim.hardware import load_hardware
from accelsim.mapper.hamming import dealt, hamming_order, ordered_channels
from accelsim.report.toggles import network_toggles
from accelsim.simulation import simulate
from accelsim.trace import LayerTrace, from_arrays


def two_kinds(groups: int = 1) -> LayerTrace:
    """Channels of words 0x0f and 0x70, mixed; each operand's words say which kind a channel is."""
    generator = np.random.default_rng(5)
    kind = generator.integers(0, 2, 64)
    weights = np.where(kind, 0x70, 0x0F) ^ generator.integers(0, 2, (32, 1, 1, 64))
    activations = np.where(kind, 0x70, 0x0F) ^ generator.integers(0, 2, (1, 6, 6, 64))
    return from_arrays(
        weights[..., : 64 // groups].astype(np.int8), activations.astype(np.uint8), groups=groups
    )


@pytest.mark.small
def test_a_tour_visits_every_channel_once_and_one_kind_after_the_other() -> None:
    trace = two_kinds()
    order = hamming_order(trace)
    assert sorted(order) == list(range(64))
    kinds = trace.activations[0, 0, 0, order] >= 0x70
    assert np.count_nonzero(np.diff(kinds)) == 1


@pytest.mark.small
def test_each_lane_takes_a_run_of_the_tour() -> None:
    order = dealt(np.arange(11), 8, 2)
    assert order.tolist() == [0, 4, 1, 5, 2, 6, 3, 7, 8, 10, 9]
    assert dealt(np.arange(7), 4, 1).tolist() == list(range(7))


@pytest.mark.parametrize("chip", ["dense-16x16", "both-skip-16x16"])
def test_fewer_bits_toggle_for_the_same_macs(chip: str) -> None:
    plain, ordered = (
        simulate(two_kinds(), chip, toggles="exact", order_channels=order) for order in (False, True)
    )
    before, after = (network_toggles(run) for run in (plain, ordered))
    assert before is not None
    assert after is not None
    for operand in ("weight", "activation"):
        name = f"{operand}_register_toggles"
        assert after.counts[name] < 0.6 * before.counts[name]
    assert ordered.total("effectual_macs") == plain.total("effectual_macs")
    assert "channels" in ordered.provenance
    assert "channels" not in plain.provenance


@pytest.mark.small
def test_layers_of_several_groups_stay_as_they_are() -> None:
    trace = two_kinds(groups=2)
    assert ordered_channels(trace, load_hardware("dense-16x16")) is trace
