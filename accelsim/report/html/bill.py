"""Energy of a run as tables: components with their interval, and every line of the bill with its price."""

import numpy as np

from accelsim.bill import EnergyRow
from accelsim.draws import INTERVAL, drawn
from accelsim.plots import RunTables
from accelsim.plots.style import component_looks
from accelsim.report.html.tables import Column, HtmlTable, records, table_of


def component_table(run: RunTables) -> HtmlTable:
    """Energy of an inference by component, with the middle 90 % of draws of its prices."""
    components = list(dict.fromkeys(run.energy["component"]))
    looks = component_looks(components)
    numbers = {name: i for i, name in enumerate(components)}
    names = list(EnergyRow._fields)
    rows = run.energy[names].itertuples(index=False)
    lines = [EnergyRow(*values).line(numbers[values.component], run.inputs) for values in rows]
    draws = drawn(lines, len(components) or 1)
    totals = run.energy.groupby("component", sort=False)["pj"].sum() / run.inputs
    both = [(looks[c].label, float(totals[c]), draws[:, numbers[c]]) for c in components]
    both.sort(key=lambda row: -row[1])
    both.append(("all", float(totals.sum()), draws.sum(axis=1)))
    table = []
    for label, pj, values in both:
        low, high = np.percentile(values, INTERVAL)
        table.append({"component": label, "pj": pj, "share": pj / totals.sum(), "p05": low, "p95": high})
    columns = (
        Column(key="component", heading="component", meaning="part of the chip, or the DRAM"),
        _microjoules("pj", "energy", "of an inference: count x price"),
        _SHARE,
        _microjoules("p05", "5 % of draws", _DRAWS),
        _microjoules("p95", "95 % of draws", _DRAWS),
    )
    return table_of(table, columns, "Energy of an inference by component")


def _microjoules(key: str, heading: str, meaning: str) -> Column:
    return Column(key=key, heading=heading, unit="µJ", scale=1e-6, digits=2, meaning=meaning)


_SHARE = Column(
    key="share", heading="share", unit="%", scale=100, digits=1, meaning="of the energy of an inference"
)
_DRAWS = "prices drawn between their low and high bounds; those of one source move together"


def bill_table(run: RunTables, most_rows: int) -> HtmlTable:
    """Every action of the run with its price, over all layers and inputs."""
    keys = ["component", "action", "unit", "pj_each", "source", "priced_by"]
    sums = run.energy.groupby(keys, sort=False, dropna=False)[["count", "pj", "low_pj", "high_pj"]].sum()
    rows = (sums / run.inputs).reset_index()
    rows["share"] = rows["pj"] / rows["pj"].sum()
    columns = (
        Column(key="component", heading="component", meaning="part of the chip, or the DRAM"),
        Column(key="action", heading="action", meaning="what it does"),
        Column(key="count", heading="count", digits=0, meaning="actions of an inference"),
        Column(key="unit", heading="of", meaning="what is counted"),
        Column(key="pj_each", heading="price", unit="pJ", digits=5, meaning="nominal price of one"),
        _microjoules("pj", "energy", "count x price, of an inference"),
        _microjoules("low_pj", "low", "at the price's low bound"),
        _microjoules("high_pj", "high", "at the price's high bound"),
        _SHARE,
        Column(key="priced_by", heading="priced by", meaning="file and line of the price"),
        Column(key="source", heading="source", wide=True, meaning="where the price is from"),
    )
    note = "energy.csv has the same for every layer."
    if len(rows) > most_rows:
        note = f"The first {most_rows:,} of {len(rows):,} rows. {note}"
    return table_of(records(rows.head(most_rows)), columns, "The bill of an inference", "bill", note)
