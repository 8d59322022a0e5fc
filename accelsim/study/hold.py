"""What holding an operand saves: one network on one chip under every zero policy, accesses and toggles apart.

::

    compute                every pair is multiplied
    gate, without hold     the cycle passes, but both words are read, sent and loaded all the same
    gate                   with a zero operand the other input holds: no access, no toggle
    skip                   the pair takes no cycle; operands are stored as bitmasks (`inner_join` alone)

`structured` and `row_stationary` choose for activations alone; a dataflow that has no choice is refused.

Savings are against `compute`. Accesses are operands read from the PEs' queues, toggles the bits that change
in operand registers, accumulators and on buses; a machine without hold toggles what `*_without_hold` counts.
All policies run in the plans of `compute`: words come in one order; cycles are not each policy's best.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from accelsim.bill import ActionCount
from accelsim.energy import price, table_of
from accelsim.errors import InputError
from accelsim.hardware import Accelerator, load_hardware
from accelsim.plan import Fixed, Plan
from accelsim.report.toggles import network_toggles
from accelsim.results import NetworkResult, ratio
from accelsim.simulation import simulate
from accelsim.toggles import OF_BUSES, OF_REGISTERS, ToggleCounts, Toggling
from accelsim.trace import NetworkTrace

if TYPE_CHECKING:
    import pandas as pd

# What each dataflow can do with zeros, and the operands for which it has the choice.
_BOTH = ("weight", "activation")
CHOICES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "inner_join": (("compute", "gate", "skip"), _BOTH),
    "systolic": (("compute", "gate"), _BOTH),
    "structured": (("compute", "gate"), ("activation",)),
    "row_stationary": (("compute", "gate"), ("activation",)),
}


def hold_table(
    trace: NetworkTrace,
    hardware: str,
    overrides: Sequence[str] = (),
    *,
    toggles: Toggling = "sampled",
    order_channels: bool = False,
    seed: int = 0,
    threads: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> "pd.DataFrame":
    """Run a network on a chip under each policy that its dataflow has for zeros.

    Parameters
    ----------
    hardware, overrides : as of `load_hardware`; the policies replace the chip's own
    order_channels : each policy a second time, with channels in an order of little Hamming distance

    Returns
    -------
    DataFrame with a row per policy, an inference each: `cycles`, `accesses_m`, `register_toggles_m`,
    `accumulator_toggles_m`, `bus_toggles_m` (millions), `access_uj`, `toggle_uj`, and against `compute`
    `accesses_saved_m`, `access_saved_uj`, `toggles_saved_m`, `toggle_saved_uj`, `toggle_saved_fraction` (of
    energy); `toggles_error`, the largest relative standard error of the three sums

    Raises
    ------
    InputError
        If the chip's dataflow has no choice, or toggles are off.
    PlanError
        If operands stored as bitmasks do not fit where those of `compute` do.
    """
    import pandas as pd

    if toggles == "off":
        raise InputError("hold: toggles must be sampled or exact, not 'off'")
    own = load_hardware(hardware, overrides)
    policies, operands = policies_of(hardware, overrides)
    rows, plans = [], dict[str, Plan | Fixed]()
    for policy in policies:
        chip = load_hardware(hardware, [*overrides, *_keys(policy, operands)])
        for ordered in (False, True) if order_channels else (False,):
            result = simulate(
                trace, chip, plans=plans, toggles=toggles, order_channels=ordered,
                seed=seed, threads=threads, progress=progress,
            )  # fmt: skip
            plans = plans or {r.name: r.plan for r in result.layer_results if r.plan is not None}
            name = policy + (", ordered" if ordered else "")
            if policy == "compute" and not ordered:
                every = result
            if policy == "gate":
                rows.append(_row(f"{name}, without hold", result, reading=every))
            rows.append(_row(name, result))
    return _with_savings(own.name, pd.DataFrame(rows))


def policies_of(hardware: str, overrides: Sequence[str] = ()) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a chip's dataflow can do with zeros, and of which operands; InputError if it has no choice."""
    chip = load_hardware(hardware, overrides)
    if chip.dataflow not in CHOICES:
        raise InputError(f"{chip.name}: {chip.dataflow} skips all zeros: no operand of its is held")
    return CHOICES[chip.dataflow]


def _with_savings(chip: str, table: "pd.DataFrame") -> "pd.DataFrame":
    """What each row saves against the first."""
    base = table.iloc[0]
    table.insert(0, "chip", chip)
    of_toggles = ["register_toggles_m", "accumulator_toggles_m", "bus_toggles_m"]
    table["accesses_saved_m"] = base["accesses_m"] - table["accesses_m"]
    table["access_saved_uj"] = base["access_uj"] - table["access_uj"]
    table["toggles_saved_m"] = base[of_toggles].sum() - table[of_toggles].sum(axis=1)
    table["toggle_saved_uj"] = base["toggle_uj"] - table["toggle_uj"]
    table["toggle_saved_fraction"] = [ratio(saved, base["toggle_uj"]) for saved in table["toggle_saved_uj"]]
    return table


def _keys(policy: str, operands: Sequence[str]) -> list[str]:
    """Keys of a chip that treats zeros of these operands so."""
    keys = [f"pe_array.{operand}_policy={policy}" for operand in operands]
    if policy == "skip":  # finds its pairs by masks
        keys += ["encodings.weights=bitmask", "encodings.activations=bitmask"]
    return keys


def _row(name: str, result: NetworkResult, reading: NetworkResult | None = None) -> dict[str, str | float]:
    """A policy's accesses and toggles of one inference.

    `reading`: the run whose operands a machine without hold reads; its toggles are those without hold.
    """
    found, inputs, array = network_toggles(result), result.inputs, result.chip.pe_array
    assert found is not None
    counts = {
        key: found.counts.get(f"{key}_without_hold", count) if reading else count
        for key, count in found.counts.items()
        if not key.endswith("_without_hold")
    }
    weights, activations = ((reading or result).total(f"{o}_operand_reads") for o in ("weight", "activation"))
    read_bytes = (weights * array.weight_bits + activations * array.activation_bits) // 8
    registers, buses = (sum(counts[key] for key in keys) for keys in (OF_REGISTERS, OF_BUSES))
    summed = (OF_REGISTERS, ("accumulator_toggles",), OF_BUSES)
    toggled = [
        ActionCount("operand_register", "toggle", registers, "bit"),
        ActionCount("accumulator", "toggle", counts["accumulator_toggles"], "bit"),
        ActionCount("wires", "trunk", buses, "toggle"),
        ActionCount("wires", "multicast", counts["multicast_toggles"], "toggle"),
    ]
    return {
        "policy": name,
        "cycles": result.cycles / inputs,
        "accesses_m": (weights + activations) / inputs / 1e6,
        "register_toggles_m": registers / inputs / 1e6,
        "accumulator_toggles_m": counts["accumulator_toggles"] / inputs / 1e6,
        "bus_toggles_m": buses / inputs / 1e6,
        "access_uj": _uj([ActionCount("queue", "read", read_bytes, "byte")], result.chip) / inputs,
        "toggle_uj": _uj(toggled, result.chip) / inputs,
        "toggles_error": max(_error(found, names) for names in summed),
    }


def _error(found: ToggleCounts, names: Sequence[str]) -> float:
    """Relative standard error of a sum at most: counts of the same sets err together."""
    wrong = sum(found.counts[name] * found.standard_errors[name] for name in names)
    return wrong / max(sum(found.counts[name] for name in names), 1)


def _uj(counts: Sequence[ActionCount], chip: Accelerator) -> float:
    return sum(row.pj for row in price(counts, chip, table_of(chip))) / 1e6
