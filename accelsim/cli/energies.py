"""whatif, and the energy tables: list, show, sram, ERT."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from accelsim.cli.app import JSON, app, guarded, show, wrapped
from accelsim.errors import InputError

if TYPE_CHECKING:
    from accelsim.study.whatif import Repriced

energy_app = typer.Typer(help="Energy tables: what is shipped, fits, other formats.", no_args_is_help=True)
app.add_typer(energy_app, name="energy")


@app.command("whatif")
@guarded
def whatif(
    folder: Path = typer.Argument(help="folder of a finished run (A)"),
    other: Path | None = typer.Argument(None, help="folder of another (B): which takes less energy"),
    table: str | None = typer.Option(None, "--table", help="a shipped table (45nm, 22nm, 7nm) or a CSV file"),
    node: float | None = typer.Option(None, "--node", help="node in nm that the table is scaled to"),
    overlay: str | None = typer.Option(None, "--overlay", help="a CSV file of rows over the table"),
    dram: str | None = typer.Option(None, "--dram", help="the table's component that prices DRAM"),
    sram: str | None = typer.Option(None, "--sram", help="the table's component that prices the scratchpad"),
    rows: list[str] = typer.Option(
        [], "--set", metavar="ROW=PJ", help="a row's price (or LOW,PJ,HIGH), as mac.done@8=0.3"
    ),
    sweep: str | None = typer.Option(
        None, "--sweep", metavar="ROW[=FROM:TO]", help="energies against a row's price, and where A meets B"
    ),
    draws: int = typer.Option(10_000, "--draws", min=20, max=1_000_000, help="draws of the prices"),
    seed: int = typer.Option(0, "--seed", min=0, help="of the draws"),
    as_json: bool = JSON,
) -> None:
    """Finished runs priced again, without simulating: other prices, two designs, one row swept."""
    from accelsim.study.whatif import Changes, repriced

    keys = {"table": table, "node_nm": node, "overlay": overlay, "dram": dram, "sram": sram}
    changes = Changes({k: v for k, v in keys.items() if v is not None}, tuple(rows))
    runs = [repriced(path, changes) for path in (folder, other) if path is not None]
    document = _document(runs, sweep, draws, seed)
    if as_json:
        show(document)
        return
    _print_whatif(runs, document, draws, seed)


def _document(runs: "list[Repriced]", sweep: str | None, draws: int, seed: int) -> dict[str, Any]:
    from accelsim.study.whatif import break_even, duel, layer_table, sweep_table

    document: dict[str, Any] = {}
    for letter, run in zip("AB", runs, strict=False):
        document[letter] = {
            "run": run.title,
            "table": run.table.name,
            "stored_uj": run.before_pj / 1e6,
            "layers": json.loads(layer_table(run, draws, seed).to_json(orient="records")),
        }
    if len(runs) == 2:
        found = duel(runs[0], runs[1], draws, seed)
        document["duel"] = {
            "a_beats_b_fraction": found.share,
            "b_over_a": found.ratio,
            "b_over_a_p05": found.ratio_p05,
            "b_over_a_p95": found.ratio_p95,
        }
    if sweep is not None:
        name, ends = _sweep(sweep)
        swept = sweep_table(runs, name, ends)
        document["sweep"] = {"row": name, "points": json.loads(swept.to_json(orient="records"))}
        if len(runs) == 2:
            document["sweep"]["break_even_pj"] = break_even(runs[0], runs[1], name)
    return document


def _sweep(text: str) -> tuple[str, tuple[float, float] | None]:
    name, equals, ends = text.partition("=")
    if not equals:
        return name, None
    try:
        low, high = (float(end) for end in ends.split(":"))
    except ValueError:
        raise InputError(f"--sweep {text}: must be ROW or ROW=FROM:TO, as mac.done@8=0.1:1") from None
    if not 0 <= low < high < float("inf"):
        raise InputError(f"--sweep {text}: 0 <= from < to must hold")
    return name, (low, high)


def _print_whatif(runs: "list[Repriced]", document: dict[str, Any], draws: int, seed: int) -> None:
    import pandas as pd

    for letter in "AB"[: len(runs)]:
        told = document[letter]
        print(f"{letter}: {told['run']}; prices of {told['table']}; stored {told['stored_uj']:.2f} uJ")
        print(wrapped(pd.DataFrame(told["layers"])))
    print(f"uJ an inference; intervals: middle 90 % of {draws} draws (seed {seed})")
    if found := document.get("duel"):
        print(
            f"A beats B in {100 * found['a_beats_b_fraction']:.1f} % of draws; energy of B / A: "
            f"{found['b_over_a']:.2f} ({found['b_over_a_p05']:.2f} to {found['b_over_a_p95']:.2f})"
        )
    if swept := document.get("sweep"):
        print(f"\n{swept['row']} swept, other prices nominal")
        print(pd.DataFrame(swept["points"]).to_string(index=False, float_format="{:.4g}".format))
        if "break_even_pj" in swept:
            value = swept["break_even_pj"]
            meets = f"at {value:.4g} pJ" if value == value else "at no price of 0 or more"
            print(f"A and B take the same energy {meets}")


@energy_app.command("list")
@guarded
def energy_list(as_json: bool = JSON) -> None:
    """The shipped tables: node, rows, components."""
    from accelsim.energy import load_table, tables

    rows = [
        {
            "table": name,
            "node_nm": found.node_nm,
            "rows": len(found.rows),
            "components": list(dict.fromkeys(row.component for row in found.rows)),
        }
        for name in tables()
        for found in [load_table(name)]
    ]
    if as_json:
        show(rows)
        return
    for row in rows:
        components = ", ".join(dict.fromkeys(r.component for r in load_table(str(row["table"])).rows))
        print(f"{row['table']:<6} {row['rows']} rows: {components}")


@energy_app.command("show")
@guarded
def energy_show(
    table: str = typer.Argument("45nm", help="a shipped table or a CSV file"),
    node: float | None = typer.Option(None, "--node", help="node in nm that the table is scaled to"),
    overlay: str | None = typer.Option(None, "--overlay", help="a CSV file of rows over the table"),
    ert: bool = typer.Option(False, "--ert", help="as an energy reference table of Accelergy (YAML)"),
    as_csv: bool = typer.Option(False, "--csv", help="as a table's CSV file"),
    as_json: bool = JSON,
) -> None:
    """Every price of a table, at a node, with an overlay; and the row that states it."""
    from dataclasses import asdict

    from accelsim.energy import load_table
    from accelsim.energy.ert import csv_text, to_ert

    found = load_table(table, node_nm=node, overlay=overlay)
    if as_json:
        show([asdict(row) for row in found.rows])
    elif ert or as_csv:
        print((to_ert if ert else csv_text)(found.rows), end="")
    else:
        for row in found.rows:
            sizes = ((row.size_bytes, " B"), (row.width_bits, " bit"))
            of = "".join(f" {value}{unit}" for value, unit in sizes if value)
            name = f"{row.component}.{row.action}{of}"
            bounds = f"{row.pj:.4g} ({row.low_pj:.4g} to {row.high_pj:.4g})"
            print(f"{name:<36} {bounds:<34} per {row.unit:<16} {row.place}; {row.source}")
        for (component, action), reason in found.without_rule.items():
            print(f"{component}.{action}: none; {reason}")


@energy_app.command("import")
@guarded
def energy_import(
    path: Path = typer.Argument(help="an energy reference table of Accelergy (YAML)"),
    out: Path = typer.Option(Path("prices.csv"), "--out", help="the table to write"),
    unit: str | None = typer.Option(None, "--unit", help="what energies are per, where arguments do not say"),
    as_json: bool = JSON,
) -> None:
    """An ERT as a table of prices, for `energy.table` or `energy.overlay`."""
    from accelsim.energy.ert import csv_text, from_ert
    from accelsim.files import write_whole

    rows = from_ert(path, unit)
    write_whole(out, csv_text(rows).encode())
    if as_json:
        show({"file": str(out), "rows": len(rows)})
    else:
        print(f"{len(rows)} rows in {out}")


@energy_app.command("sram")
@guarded
def energy_sram(
    node: float = typer.Option(45, "--node", help="node in nm: 65, 45, 32, 22, 16 or 7"),
    out: Path = typer.Option(Path("results/sram"), "--out", help="folder of the table and the picture"),
    as_json: bool = JSON,
) -> None:
    """CACTI's points beside the fit that prices scratchpads: a table, a picture."""
    from accelsim import plots
    from accelsim.study.sram_fit import fit_table

    table = fit_table(node)
    files = plots.save(plots.sram_fit(table, node), out / f"sram_{node:g}nm", table)
    if as_json:
        show({"points": json.loads(table.to_json(orient="records")), "files": [str(path) for path in files]})
        return
    print(wrapped(table), end="")
    print("\n".join(str(path) for path in files))
