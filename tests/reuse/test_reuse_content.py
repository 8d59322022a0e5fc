"""Narrowed chips and hashes of content: what a function is not given it cannot read, and its key does not have."""

import dataclasses

import numpy as np
import pytest

from accelsim.hardware import load_hardware
from accelsim.hardware.dram_model import BankedDram
from accelsim.plan import NOTHING_FIXED, Fixed
from accelsim.reuse import Aside, digest, only
from accelsim.reuse.cache import Kind, Reuse
from accelsim.schedule.reused import PLAN, PRICED_PLAN, PROBLEM
from accelsim.trace import from_arrays

CHIP = load_hardware("both-skip-16x16")


@pytest.mark.small
def test_what_is_not_wanted_is_not_there():
    chip = only(CHIP, ["pe_array", "dram.burst_bytes"])
    assert (chip.pe_array, chip.dram.burst_bytes, chip.name) == (CHIP.pe_array, 64, CHIP.name)
    for read in (
        lambda: chip.clock_mhz,
        lambda: chip.scratchpad.capacity_bytes,
        lambda: chip.dram.peak_gb_per_s,
        lambda: chip.dram_bytes_per_cycle,
        lambda: chip.description,
    ):
        with pytest.raises(AttributeError):
            read()
    assert CHIP.dram.peak_gb_per_s == load_hardware("both-skip-16x16").dram.peak_gb_per_s  # it has all still


@pytest.mark.small
def test_a_function_that_reads_more_than_its_key_has_fails_and_does_not_lie():
    forgetful = Kind("bandwidth", lambda chip: chip.dram.peak_gb_per_s, ("pe_array",))
    with pytest.raises(AttributeError):
        Reuse().value(forgetful, CHIP)


@pytest.mark.small
def test_what_a_key_leaves_aside_is_made_of_what_it_has():
    """A plan's tilings: of its tensors, and of keys of the chip that are its own."""
    assert digest(Aside(1)) == digest(Aside(2))
    for plan in (PLAN, PRICED_PLAN):
        assert all({key, key.partition(".")[0]} & set(plan.keys) for key in PROBLEM.keys)


@pytest.mark.small
def test_the_same_content_has_one_digest_and_any_other_another():
    array = np.arange(6, dtype=np.int64)
    values = [
        None, 0, 1, True, 1.0, "1", b"1", (), (1,), ((1,),), (1, 2), (2, 1), ("a", "b"), ("ab", ""),
        frozenset("ab"), {"a": 1}, {"a": 2}, array, array.reshape(2, 3), array.astype(np.int32), array + 1,
        NOTHING_FIXED, Fixed(tile_k=8), Fixed(tile_c=8), CHIP, load_hardware("dense-16x16"), only(CHIP, ["dma"]),
    ]  # fmt: skip
    assert len({digest(value) for value in values}) == len(values)
    assert digest(array[::-1][::-1]) == digest(array.copy())
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest(CHIP) == digest(CHIP.model_copy(update={"name": "other", "description": "of messages"}))
    with pytest.raises(TypeError, match="no key can be made of function"):
        digest((1, lambda: None))


@pytest.mark.small
def test_every_field_of_a_trace_is_in_its_digest():
    trace = from_arrays(
        np.ones((2, 3), np.int8), np.ones((1, 3), np.uint8), outputs=np.ones((1, 2), np.uint8)
    )
    changed = {
        "layer": dataclasses.replace(trace.layer, name="other"),
        "weights": trace.weights * 2,
        "activations": trace.activations * 2,
        "weight_zero_points": trace.weight_zero_points + 1,
        "weight_scales": trace.weight_scales * 2,
        "activation_zero_point": 1,
        "activation_scale": 2.0,
        "bias": np.ones(2, np.int32),
        "relu": True,
        "outputs": trace.outputs * 2,
        "output_zero_point": 1,
        "output_scale": 2.0,
    }
    assert set(changed) == {field.name for field in dataclasses.fields(trace)}
    digests = {digest(dataclasses.replace(trace, **{name: value})) for name, value in changed.items()}
    assert len(digests | {digest(trace)}) == len(changed) + 1


@pytest.mark.small
def test_a_banked_dram_is_hashed_with_its_devices_table(monkeypatch):
    """A device may be a file of one's own: the same name, another table."""
    dram = BankedDram(model="banked", device="ddr4-2400", channels=1)
    before = digest(dram)
    slower = dataclasses.replace(dram.timing, clock_ns=2 * dram.timing.clock_ns)
    monkeypatch.setattr("accelsim.hardware.dram_model.load_device", lambda _: slower)
    assert digest(dram) != before
