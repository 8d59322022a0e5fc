from collections.abc import Callable

import numpy as np
import pytest

from accelsim.energy import UNPRICED, action_counts
from accelsim.errors import InputError
from accelsim.hardware import Accelerator, load_hardware
from accelsim.tables import COUNTERS, TOGGLES, TRAFFIC

pytestmark = pytest.mark.small

Totals = Callable[..., dict[str, int]]


@pytest.fixture(scope="module")
def chip() -> Accelerator:
    return load_hardware("both-skip-16x16")


def counts_of(totals: dict[str, int], chip: Accelerator) -> dict[str, int]:
    actions = action_counts(totals, chip)
    counts = {f"{a.component} {a.action} {a.unit}": a.count for a in actions}
    assert len(counts) == len(actions)
    return counts


def test_a_layer_worked_by_hand(totals: Totals, chip: Accelerator) -> None:
    """7 done, 2 gated, 5 skipped pairs of 8 x 8 bits; 16-byte words, 32-bit accumulators."""
    layer = totals(
        cycles=100,
        dense_macs=14,
        done_macs=7,
        gated_macs=2,
        skipped_macs=5,
        weight_operand_reads=7,
        activation_operand_reads=4,
        padding_operand_reads=3,
        mask_bits_read=28,
        accumulator_updates=3,
        weight_scratchpad_read_bytes=20,
        weight_scratchpad_reads=2,
        activation_scratchpad_read_bytes=5,
        activation_scratchpad_reads=1,
        weight_queue_write_bytes=40,
        activation_queue_write_bytes=10,
        outputs=6,
        weight_fetch_bytes=17,
        activation_fetch_bytes=16,
        partial_sum_fetch_bytes=24,
        fetch_burst_waste_bytes=7,
        output_drain_bytes=33,
        partial_sum_drain_bytes=1,
        drain_burst_waste_bytes=30,
        partial_sum_read_bytes=15,
        partial_sum_write_bytes=18,
        output_write_bytes=6,
        weight_fill_bytes=9,
        activation_fill_bytes=3,
    )
    assert counts_of(layer, chip) == {
        "mac done mac": 7,
        "mac gated mac": 2,
        "operand_register load bit": (7 + 4 + 3) * 8,
        "operand_register hold bit": 2 * 2 * 8,
        "mask test bit": 28,
        "accumulator update bit": 3 * 32,
        "queue read byte": 7 + 4,
        "queue write byte": 50,
        "wires trunk bit": 25 * 8,
        "wires multicast bit": 50 * 8,
        "noc hop bit": 50 * 8,
        "scratchpad read access": 2 + 1 + 1 + 1 + 1,  # array, outputs, partial-sum drain, partial sums
        "scratchpad write access": 1 + 1 + 2 + 2 + 1,  # two fills, spilled and kept partial sums, outputs
        "postprocessor drain element": 6,
        "dram read bit": (17 + 16 + 24 + 7) * 8,
        "dram write bit": (33 + 1 + 30) * 8,
        # 256 PEs: 2 lanes x (operands and product) + 2 accumulators of 32 bits
        "clock tree bit": 100 * 256 * (2 * 2 * 16 + 2 * 32),
        "leakage scratchpad cycle": 100,
        "leakage lanes cycle": 100,
    }


def test_gated_and_skipped_macs_are_told_apart(totals: Totals, chip: Accelerator) -> None:
    assert counts_of(totals(skipped_macs=1000), chip) == {}
    assert counts_of(totals(gated_macs=10), chip) == {"mac gated mac": 10, "operand_register hold bit": 160}
    assert counts_of(totals(done_macs=10), chip) == {"mac done mac": 10}
    assert counts_of(totals(surplus_products=10), chip) == {"mac surplus mac": 10}
    assert counts_of(totals(mask_bits_read=10), chip) == {"mask test bit": 10}


def test_operands_count_by_their_width(totals: Totals) -> None:
    chip = load_hardware(
        "dense-16x16",
        ["pe_array.weight_bits=16", "pe_array.activation_bits=8", "pe_array.accumulator_bits=24"],
    )
    layer = totals(
        weight_operand_reads=3,
        activation_operand_reads=5,
        padding_operand_reads=1,
        gated_macs=1,
        accumulator_updates=2,
    )
    counts = counts_of(layer, chip)
    assert counts["operand_register load bit"] == 3 * 16 + 6 * 8
    assert counts["operand_register hold bit"] == 16 + 8
    assert counts["queue read byte"] == 3 * 2 + 5
    assert counts["accumulator update bit"] == 48


@pytest.mark.parametrize("column", [*COUNTERS, *TRAFFIC])
def test_every_column_is_priced_or_listed_with_a_reason(
    column: str, totals: Totals, chip: Accelerator
) -> None:
    busy = totals() | dict.fromkeys((*COUNTERS, *TRAFFIC, "cycles"), 1600)
    changed = counts_of(busy | {column: 3200}, chip) != counts_of(busy, chip)
    assert changed == (column not in UNPRICED)
    assert len(UNPRICED.get(column, "a reason")) > 4


@pytest.mark.parametrize("column", TOGGLES)
def test_every_toggle_is_priced_or_would_happen_without_hold(
    column: str, totals: Totals, chip: Accelerator
) -> None:
    busy = totals() | dict.fromkeys(TOGGLES, 1000)
    changed = counts_of(busy | {column: 2000}, chip) != counts_of(busy, chip)
    assert changed == (column not in UNPRICED)
    assert column.endswith("_without_hold") == (column in UNPRICED)


def test_counted_toggles_take_the_place_of_bits_loaded_updated_and_sent(
    totals: Totals, chip: Accelerator
) -> None:
    """Nothing is paid twice: what is not a register, an accumulator or a wire stays as it is."""
    busy = totals() | dict.fromkeys((*COUNTERS, *TRAFFIC, "cycles"), 1600)
    counted = dict(zip(TOGGLES, range(1, 13), strict=True))
    before, after = counts_of(busy, chip), counts_of(busy | counted, chip)
    by_bits = {
        "operand_register load bit",
        "accumulator update bit",
        "wires trunk bit",
        "wires multicast bit",
    }
    assert before.keys() - after.keys() == by_bits
    assert {key: count for key, count in after.items() if key not in before} == {
        "operand_register toggle bit": 1 + 2,
        "accumulator toggle bit": 5,
        "wires trunk toggle": 6 + 7 + 10,
        "wires multicast toggle": 11,
    }
    assert all(after[key] == before[key] for key in before.keys() & after.keys())
    with pytest.raises(InputError, match=r"^totals: missing accumulator_toggles, "):
        action_counts(busy | {TOGGLES[0]: 1}, chip)


def test_unpriced_names_only_real_columns() -> None:
    assert set(UNPRICED) <= {*COUNTERS, *TRAFFIC, *TOGGLES}


def test_an_operation_passes_the_scratchpad_in_and_out(chip: Accelerator) -> None:
    operation = {"cycles": 9, "postprocessor_elements": 50, "dram_read_bytes": 50, "dram_write_bytes": 20}
    expected = {
        "scratchpad read access": 4 + 2,
        "scratchpad write access": 4 + 2,
        "postprocessor operation element": 50,
        "dram read bit": 400,
        "dram write bit": 160,
        "clock tree bit": 9 * 256 * 128,
        "leakage scratchpad cycle": 9,
        "leakage lanes cycle": 9,
    }
    assert counts_of(operation, chip) == expected
    # The same traffic told again in TRAFFIC's columns is not counted twice.
    zeros = dict.fromkeys((*COUNTERS, *TRAFFIC), 0)
    told_twice = zeros | operation | {"activation_fetch_bytes": 50, "output_drain_bytes": 20}
    assert counts_of(told_twice, chip) == expected


def test_a_codebook_is_read_once_for_each_done_mac(totals: Totals) -> None:
    eie = load_hardware("eie-64")
    assert counts_of(totals(done_macs=10), eie) == {"mac done mac": 10, "codebook read bit": 160}
    without = load_hardware("eie-64", ["pe_array.codebook=false"])
    assert counts_of(totals(done_macs=10), without) == {"mac done mac": 10}


def test_rows_and_refreshes_that_a_dram_model_counts_are_actions(totals: Totals, chip: Accelerator) -> None:
    counted = counts_of(totals(dram_activations=7, dram_refreshes=2), chip)
    assert counted == {"dram activate activation": 7, "dram refresh refresh": 2}


def test_totals_may_be_numpy_integers_and_counts_are_exact(totals: Totals, chip: Accelerator) -> None:
    layer = totals(weight_fetch_bytes=2**61, cycles=2**62)
    from_numpy = {name: np.int64(count) for name, count in layer.items()}
    counts = counts_of(from_numpy, chip)  # type: ignore[arg-type]
    assert counts == counts_of(layer, chip)
    assert counts["dram read bit"] == 2**64
    assert all(type(count) is int for count in counts.values())


def test_wrong_totals_are_refused(totals: Totals, chip: Accelerator) -> None:
    layer = totals()
    del layer["done_macs"], layer["cycles"]
    with pytest.raises(InputError, match=r"^totals: missing cycles, done_macs$"):
        action_counts(layer, chip)
    with pytest.raises(InputError, match=r"^totals: unknown done_mac$"):
        action_counts(totals(done_mac=1), chip)
    with pytest.raises(InputError, match=r"^totals: steps must not be negative, not -1$"):
        action_counts(totals(steps=-1), chip)
    with pytest.raises(InputError, match=r"^totals: missing dram_read_bytes, dram_write_bytes$"):
        action_counts({"cycles": 1, "postprocessor_elements": 1}, chip)
