"""Published energies and areas beside ours: EIE's PE, Eyeriss' levels and gating, DRAM per bit.

::

    EIE        three layers of AlexNet on eie-64 while the array runs: pJ of a component / time / PEs
    Eyeriss    prices at 65 nm and 16 bits over the MAC's; AlexNet's CONV3 to CONV5 with gating and without
    DRAM       the parts of a bit at peak, sequential, half read and half written

Prices are those of the shipped tables; nothing is fitted to these figures but what says so (the clock tree).
Of these networks only the zeros are published: registers and wires are priced by bits loaded and sent, not by
the toggles of drawn values.
"""

import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.bill import ActionCount, EnergyRow
from accelsim.draws import Line, drawn, interval
from accelsim.energy import action_counts, chip_area, load_table, price, sram
from accelsim.hardware import Accelerator, load_hardware
from accelsim.results import LayerResult
from accelsim.simulation import simulate
from accelsim.study.published import eie, eyeriss
from accelsim.study.published.entry import Band, Entry, Tables
from accelsim.tables import TRAFFIC
from accelsim.units import ceil_div
from accelsim.zoo import workloads_folder

if TYPE_CHECKING:
    import pandas as pd

EIE_LAYERS = ("Alex-6", "Alex-7", "Alex-8")
# Components of the bill that Table II calls by one name.
EIE_PARTS = {
    "memory": ("scratchpad", "leakage scratchpad"),
    "clock": ("clock",),
    "register": ("queue", "operand_register", "accumulator"),
    "combinational": ("mac", "mask", "codebook", "noc", "wires", "leakage lanes"),
}
GATED_LAYERS = ("conv3", "conv4", "conv5")
# What a PE of row_stationary holds; its clock and leakage run with and without zeros.
PE_PARTS = ("mac", "operand_register", "accumulator", "queue", "mask", "clock", "leakage lanes")
PUBLISHED_GATING_PERCENT = 45.0
NOTES = (
    "EIE's clock and filler are where our price of the clock tree and our share of filler come from: their "
    "rows are no test.",
    "EIE's memory: the fit prices a read of a 128 KiB macro of low-standby-power cells at 32 pJ; the paper's "
    "power and our count of reads leave 13 pJ, near cells of low operating power.",
    "EIE's registers are the circuit's own cells, half of Aladdin's area a bit; its combinational area is "
    "mostly control, which nothing here describes; its multiplier takes less than the nominal 1.77 pJ.",
    "Eyeriss' levels are the designers' own, relative to a MAC of theirs; a register of 0.5 kB is CACTI's "
    "point of 512 bytes x 16 bit, DRAM is EIE's LPDDR2.",
    "Eyeriss' saving is the paper's for the PE array on its own workload; ours draws zeros at the published "
    "densities, prices the spads as registers and has no control that runs on in gated cycles.",
    "SCNN at densities of 0.1: what PEs spend beside products (control, crossbar, halos) has no price here.",
    "DRAM: streams at peak; a published all-in figure does not say how many rows it opens or how it waits.",
)


@cache
def _published(name: str) -> "pd.DataFrame":
    import pandas as pd

    path: Path = workloads_folder() / "published" / f"{name}.csv"
    return pd.read_csv(path)


def _difference(row: dict[str, Any], published: str, ours: str) -> dict[str, Any]:
    return row | {"difference_percent": 100 * (row[ours] / row[published] - 1)}


def array_bill(result: LayerResult, chip: Accelerator) -> list[EnergyRow]:
    """What the array spends while it runs: no fetches, fills or drains of DRAM, no time outside of it."""
    outside = {name: 0 for name in TRAFFIC if name != "output_write_bytes"}
    totals = result.totals | outside | {"cycles": result.totals["compute_cycles"]}
    rows = price(action_counts(totals, chip), chip, load_table("45nm"))
    return [row for row in rows if row.component != "dram"]


def _of(rows: list[EnergyRow], names: tuple[str, ...]) -> float:
    return math.fsum(r.pj for r in rows if {r.component, f"{r.component} {r.action}"} & set(names))


def eie_power_table(seed: int = 0) -> "pd.DataFrame":
    """Power of a PE by component in mW, mean over three layers, with its 90 % interval, beside Table II."""
    import pandas as pd

    chip = load_hardware("eie-64", ["scratchpad.capacity_bytes=67108864"])
    lines: list[Line] = []
    for row in eie.layers().to_dict("records"):
        if row["layer"] not in EIE_LAYERS:
            continue
        result = eie.run(eie.layer_trace(row, seed), chip)
        ns = result.totals["compute_cycles"] * 1000 / chip.clock_mhz
        share = 1 / ns / chip.pe_array.multipliers / len(EIE_LAYERS)
        for priced in array_bill(result, load_hardware("eie-64")):
            for part, names in enumerate(EIE_PARTS.values()):
                if {priced.component, f"{priced.component} {priced.action}"} & set(names):
                    line = priced.line(part)
                    bounds = {name: getattr(line, name) * share for name in ("low_pj", "pj", "high_pj")}
                    lines.append(line._replace(**bounds))
    values = drawn(lines, len(EIE_PARTS))
    columns = {part: values[:, i] for i, part in enumerate(EIE_PARTS)} | {"all": values.sum(axis=1)}
    nominal = [math.fsum(line.pj for line in lines if line.layer == i) for i in range(len(EIE_PARTS))]
    published = _published("eie_pe").set_index("component")["power_mw"]
    rows = []
    for (part, draws), mw in zip(columns.items(), [*nominal, math.fsum(nominal)], strict=True):
        p05, p95 = interval(draws)
        told = {"component": part, "published_mw": float(published[part]), "mw": mw}
        rows.append(_difference(told | {"p05_mw": p05, "p95_mw": p95}, "published_mw", "mw"))
    return pd.DataFrame(rows)


def eie_area_table() -> "pd.DataFrame":
    """Area of a PE by component in um2, beside Table II; our postprocessor is left out, as EIE's is."""
    import pandas as pd

    area = {row.component: row.mm2 * 1e6 / 64 for row in chip_area(load_hardware("eie-64"), 45).rows}
    ours = {
        "memory": area["scratchpad"],
        "clock": area["clock"],
        "register": area["register"] + area["queue"],
        "combinational": area["mac"],
    }
    share = 0.0376
    ours["filler"] = math.fsum(ours.values()) * share / (1 - share)
    ours["all"] = math.fsum(ours.values())
    published = _published("eie_pe").set_index("component")["area_um2"]
    rows = [{"component": p, "published_um2": float(published[p]), "um2": um2} for p, um2 in ours.items()]
    return pd.DataFrame([_difference(row, "published_um2", "um2") for row in rows])


def hierarchy_table() -> "pd.DataFrame":
    """Energy of 16 bits from each level over that of a 16-bit MAC, at 65 nm."""
    import pandas as pd

    table = load_table("45nm", node_nm=65)
    mac = next(row.pj for row in table.find("mac", "done", "mac") if row.width_bits == 16)
    spad = next(p.read_pj for p in sram.points() if (p.node_nm, p.size_bytes, p.width_bits) == (65, 512, 16))
    (buffer,) = table.find("sram_lstp", "read", "access")
    wire, hop = table.find("wires", "multicast", "bit_mm")[0].pj, table.find("noc", "hop", "bit")[0].pj
    ours = (
        spad,
        16 * (1.5 * wire + hop),
        buffer.pj * sram.scale(buffer, 108 * 1024, 64) / 4,  # a quarter of a 64-bit access
        16 * table.find("lpddr2", "read", "bit")[0].pj,
    )
    rows = []
    for row, pj in zip(_published("energy_hierarchy").to_dict("records"), ours, strict=True):
        told = {"level": row["level"], "published": float(row["energy_of_mac"]), "pj": pj, "ours": pj / mac}
        rows.append(told | {"ours_over_published": pj / mac / told["published"]})
    return pd.DataFrame(rows)


def gating_table(seed: int = 0) -> "pd.DataFrame":
    """Energy of the PEs in uJ with zero activations multiplied and gated, and the saving in percent."""
    import pandas as pd

    rows, plans = [], eyeriss.plans()
    for name, trace in zip(plans, eyeriss.layer_traces(seed), strict=True):
        if name not in GATED_LAYERS:
            continue
        spent = []
        for policy in ("compute", "gate"):
            chip = load_hardware("eyeriss-168", [f"pe_array.activation_policy={policy}"])
            own = {name: plans[name]}
            done = simulate(trace, chip, plans=own, together=True, toggles="off", threads=1)
            spent.append(_of(list(done.layer_results[0].energy), PE_PARTS) / 1e6)
        zeros = 100 * float((trace.activations == 0).mean())
        told = {"layer": name, "zeros_percent": zeros, "multiplied_uj": spent[0], "gated_uj": spent[1]}
        rows.append(told | {"saving_percent": 100 * (1 - spent[1] / spent[0])})
    table = pd.DataFrame(rows)
    whole = {c: table[c].sum() for c in ("multiplied_uj", "gated_uj")}
    saving = 100 * (1 - whole["gated_uj"] / whole["multiplied_uj"])
    mean = {"layer": "all", "zeros_percent": table["zeros_percent"].mean(), "saving_percent": saving}
    table = pd.concat([table, pd.DataFrame([mean | whole])], ignore_index=True)
    table["published_percent"] = PUBLISHED_GATING_PERCENT
    table["difference_points"] = table["saving_percent"] - PUBLISHED_GATING_PERCENT
    return table


def dram_table() -> "pd.DataFrame":
    """pJ of a bit at peak, all parts together, beside the published all-in figures."""
    import pandas as pd

    rows, size = [], 2**26
    for row in _published("energy_dram").to_dict("records"):
        chip = load_hardware(
            "both-skip-16x16", [f"energy.dram={row['component']}", "dram.efficiency_fraction=1"]
        )
        cycles = ceil_div(size, int(chip.dram_bytes_per_cycle))
        counts = [ActionCount("dram", way, 4 * size, "bit") for way in ("read", "write")]
        counts.append(ActionCount("leakage", "lanes", cycles, "cycle"))
        bill = [r for r in price(counts, chip, load_table("45nm")) if r.component == "dram"]
        ours = math.fsum(r.pj for r in bill) / (8 * size)
        told = {"component": row["component"], "published_pj_per_bit": row["pj_per_bit"], "pj_per_bit": ours}
        rows.append(_difference(told | {"parts": len(bill)}, "published_pj_per_bit", "pj_per_bit"))
    return pd.DataFrame(rows)


def _tables(seed: int) -> Tables:
    from accelsim.study.published.scnn_energy import claims_table, density_table

    sweep = density_table(seed)
    return {
        "eie_power": eie_power_table(seed),
        "eie_area": eie_area_table(),
        "hierarchy": hierarchy_table(),
        "gating": gating_table(seed),
        "scnn": claims_table(sweep),
        "scnn_densities": sweep,
        "dram": dram_table(),
    }


def _figures(tables: Tables) -> Any:
    from accelsim.plots import curves

    sweep = tables["scnn_densities"]
    labels = {
        "density_fraction": "density of weights and of activations",
        "energy_of_dense": "energy over the dense machine's (DCNN)",
    }
    figure = curves(
        sweep, "density_fraction", "energy_of_dense", "network", labels, level=1, title="scnn-64, on chip"
    )
    return {"scnn_densities": (figure, sweep)}


ENTRY = Entry(
    title="energy and area: EIE's PE, Eyeriss' levels and gating, SCNN against density, DRAM per bit",
    source="EIE (ISCA 2016) Table II; Eyeriss (ISCA 2016, JSSC 2017); SCNN (ISCA 2017); "
    "O'Connor (MICRO 2017); Accelergy's public data",
    tables=_tables,
    notes=NOTES,
    bands=(
        Band("eie_power", "difference_percent", -30, 30),
        Band("eie_area", "difference_percent", -30, 30),
        Band("hierarchy", "ours_over_published", 0.5, 2),
        Band("gating", "difference_points", -10, 10),
        Band("scnn", "difference_percent", -25, 25),
        Band("dram", "difference_percent", -30, 30),
    ),
    figures=_figures,
)
