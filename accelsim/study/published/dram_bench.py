"""Streams of cycle-level DRAM simulators through the banked model: cycles beside cycles, and closed forms.

::

    row of the published table = device (its own timing) + mapping + scheduler + window + stream
    ours                       = DRAM clocks until the last read's data or the last write's command

`workloads/published/dram_streams.csv`: runs of Ramulator 2.1 and DRAMsim3; docs/dram.md defines the streams.
"""

from fractions import Fraction
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from accelsim.hardware import DramDevice, load_device
from accelsim.machine import _banked_state as S
from accelsim.machine.banked import Controllers
from accelsim.machine.controller import Controller
from accelsim.study.published.dram_forms import random_share
from accelsim.study.published.dram_streams import BLOCK_BYTES, STREAM_BYTES, Streams, row_step_bytes
from accelsim.study.published.entry import Band, Entry, Tables
from accelsim.zoo import workloads_folder

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]
_WIDE = ("16", "32", "max")
MEDIAN_PERCENT = 2.0
NOTES = (
    "Judged: 3 % on sequential, strided, random and row-conflict reads; 10 % on mix_* and "
    "15 % on K streams with a window of 16, 32 or max. Others are printed; the median is over judged rows.",
    "Random addresses are drawn anew: the simulators' own are not published.",
)
_FIELDS = {"ro": "row", "ra": "rank", "ba": "bank", "bg": "bank_group", "co": "column", "ch": "channel"}
_CLOCKS = {
    "CL": "tCL",
    "CWL": "tCWL",
    "tRCD_read": "tRCD",
    "tRCD_write": "tRCD",
    "tRP_all": "tRP",
    "burst": "burst_cycles",
}
_TABLE = (
    "tRP",
    "tRAS",
    "tRC",
    "tCCD_S",
    "tCCD_L",
    "tRRD_S",
    "tRRD_L",
    "tFAW",
    "tWR",
    "tWTR_S",
    "tWTR_L",
    "tRTP",
)
# What the table does not print: the preset that has it, and the simulators' ways with writes and responses.
_OTHERS = {"Ramulator2.1": "ddr4-2400", "DRAMsim3": "lpddr4-3200"}
_POLICIES: dict[str, dict[str, Any]] = {
    "frfcfs": {"scheduler": "frfcfs"},
    "rowhit": {"scheduler": "frfcfs_row_hit"},
    "DRAMsim3 default (FR-FCFS, row-hit cap 4)": {
        "scheduler": "bank_queues",
        "posted_writes": True,
        "return_clocks": 1,
        "write_idle": 8,
    },
}


def published_streams() -> "pd.DataFrame":
    """The cycle-level runs, one a row."""
    import pandas as pd

    return pd.read_csv(workloads_folder() / "published" / "dram_streams.csv", dtype={"window_bursts": str})


def _records() -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in published_streams().to_dict("records")]


def device_of(row: dict[str, Any]) -> DramDevice:
    """The device of a row; tPPD, turnaround and rank switch, which no row prints, are the preset's."""
    preset = load_device(_OTHERS[row["sim"]])
    clocks = dict(preset.clocks) | {key: int(row[key]) for key in (*_TABLE, "tRFC", "tREFI")}
    clocks |= {key: int(row[column]) for key, column in _CLOCKS.items()}
    return DramDevice(
        name=row["config"],
        clock_ns=Fraction(str(row["tCK"])),
        clocks=clocks,
        burst_bytes=int(row["burst_bytes"]),
        row_bytes=int(row["row_bytes"]),
        rows=int(row["rows"]),
        bank_groups=int(row["bankgroups"]),
        banks_per_group=int(row["banks_per_group"]),
        pseudo_channels=1,
        command_buses=1,
        places={},
    )


def mapping_of(text: str) -> str:
    """A mapping as our keys write it: `robacobg` is row bank column bank_group."""
    words = [_FIELDS[text[i : i + 2]] for i in range(0, len(text), 2)]
    return " ".join([*(word for word in _FIELDS.values() if word not in words), *words])


def replay(controllers: Controllers, stream: tuple[Ints, Ints]) -> tuple[int, float]:
    """(DRAM clocks, share of row hits) of blocks, each split in the device's bursts."""
    burst = controllers.device.burst_bytes
    parts = max(1, BLOCK_BYTES // burst)
    addresses = (stream[0][:, None] // burst * burst + np.arange(parts) * burst).reshape(-1)
    controllers.offer(addresses, np.repeat(stream[1], parts), 0)
    controllers.drain()
    counts = controllers.counts()
    return max(int(state[S.LAST_DONE]) for state in controllers.states), counts["row_hits"] / addresses.size


def band_percent(stream: str, window: str) -> float:
    """How far a row may be from the cycle-level run; nan: not judged."""
    if stream.startswith("mix"):
        return 10.0 if window in _WIDE else nan
    if "str_" in stream:
        return 15.0 if window in _WIDE else nan
    return 3.0 if "_rd" in stream else nan


def stream_table(seed: int = 0, every: int = 1) -> "pd.DataFrame":
    """All rows: cycle-level and our cycles, difference in percent, band, row-hit shares.

    Parameters
    ----------
    every : take each so-many-th row only
    """
    import pandas as pd

    found = []
    for number, row in enumerate(_records()):
        if number % every:
            continue
        window = None if row["window_bursts"] == "max" else int(row["window_bursts"])
        policy = _POLICIES[row["scheduler"]]
        controllers = Controllers(
            device_of(row), 1, 1, mapping_of(row["mapping_msb_first"]), Controller(window=window, **policy)
        )
        streams = Streams(row_step_bytes(controllers), int(row["bytes"]), seed)
        clocks, hits = replay(controllers, streams.of(row["stream"]))
        band = band_percent(row["stream"], row["window_bursts"])
        difference = 100 * (clocks / row["cycles"] - 1)
        found.append(
            {
                "run": f"{row['sim']} {row['mapping_name']} {policy['scheduler']}",
                "stream": row["stream"],
                "window": row["window_bursts"],
                "cycle_level_cycles": row["cycles"],
                "cycles": clocks,
                "difference_percent": difference,
                "band_percent": band,
                "cycle_level_hits_percent": 100 * row["row_hit_rate"],
                "hits_percent": 100 * hits,
            }
        )
    return pd.DataFrame(found)


def stream_misses(table: "pd.DataFrame") -> list[str]:
    """A sentence for each judged row outside of its band, and one if the median is."""
    judged = table[table["band_percent"].notna()]
    out = judged[judged["difference_percent"].abs() > judged["band_percent"]]
    misses = [
        f"{r.run}, {r.stream}, window {r.window}: {r.cycles} cycles, cycle-level {r.cycle_level_cycles}, "
        f"{r.difference_percent:+.2f} %, band {r.band_percent:g} %"
        for r in out.itertuples()
    ]
    median = float(judged["difference_percent"].abs().median())
    if not median <= MEDIAN_PERCENT:
        misses.append(f"the median of the judged rows is {median:.2f} %, not within {MEDIAN_PERCENT:g} %")
    return misses


def summary_table(table: "pd.DataFrame") -> "pd.DataFrame":
    """Of each run and kind of stream: rows, judged rows, median and largest difference in percent, misses."""
    import pandas as pd

    kinds = (
        table["stream"].str.replace(r"_.*", "", regex=True).str.replace(r"^(\d)str$", "K streams", regex=True)
    )
    rows = []
    for (run, kind), of in table.groupby([table["run"], kinds], sort=False):
        judged = of[of["band_percent"].notna()]
        size = judged["difference_percent"].abs()
        rows.append(
            {
                "run": run,
                "streams": kind,
                "rows": len(of),
                "judged": len(judged),
                "median_difference_percent": float(size.median()) if len(judged) else nan,
                "largest_difference_percent": float(size.max()) if len(judged) else nan,
                "largest_unjudged_percent": float(
                    of[of["band_percent"].isna()]["difference_percent"].abs().max()
                ),
                "outside": int((size > judged["band_percent"]).sum()),
            }
        )
    return pd.DataFrame(rows)


def device_table(name: str, seed: int = 0) -> "pd.DataFrame":
    """A device under the default controller against its forms: share of the peak, form, difference."""
    import pandas as pd

    device, policy = load_device(name), Controller()
    t = device.clocks
    refresh = 1 - Fraction(t["tRFC"], t["tREFI"])
    conflict = Fraction(t["burst"], t["tRC"]) * refresh
    group = device.burst_bytes * device.bank_groups * device.pseudo_channels
    bursts = STREAM_BYTES // BLOCK_BYTES
    at = np.arange(bursts, dtype=np.int64)
    random = (
        np.random.default_rng(seed).integers(0, (256 << 20) // device.burst_bytes, bursts)
        * device.burst_bytes
    )
    step = device.row_bytes * device.banks * device.pseudo_channels
    cases = [
        ("sequential", at * device.burst_bytes, float(device.utilisation())),
        ("one bank group", at * group, float(device.utilisation(same_group=True))),
        ("random", random, random_share(device, policy.read_entries)),
        ("row conflict", at[: bursts // 8] * step, float(conflict)),
    ]
    rows = []
    for kind, addresses, form in cases:
        controllers = Controllers(device, 1, 1, "bank_group_low", policy)
        controllers.offer(addresses, np.zeros_like(addresses), 0)
        controllers.drain()
        busiest = max(int(state[S.READS]) for state in controllers.states)
        last = max(int(state[S.LAST_DONE]) for state in controllers.states)
        used = 100 * busiest * t["burst"] / last
        rows.append(_form_row(f"{kind} reads", "percent of peak", used, 100 * form, 3.0))
    controllers = Controllers(device, 1, 1, "bank_group_low", policy)
    controllers.offer(np.zeros(1, np.int64), np.zeros(1, np.int64), 0)
    controllers.drain()
    cold = max(int(state[S.LAST_DONE]) for state in controllers.states) - 1  # its row is opened in clock 1
    rows.append(_form_row("cold read", "clocks", cold, t["tRCD_read"] + t["CL"] + t["burst"], 0.0))
    return pd.DataFrame(rows)


def _form_row(stream: str, unit: str, ours: float, form: float, band: float) -> dict[str, Any]:
    difference = 100 * (ours / form - 1)
    return {
        "stream": stream,
        "unit": unit,
        "closed_form": float(form),
        "ours": float(ours),
        "difference_percent": difference,
        "band_percent": band,
        "within": "yes" if abs(difference) <= band else "no",
    }


def judged_table(table: "pd.DataFrame") -> "pd.DataFrame":
    """The judged rows: difference in percent, and that in percent of the row's band."""
    judged = table[table["band_percent"].notna()].copy()
    judged.insert(0, "row", judged["run"] + " " + judged["stream"] + " " + judged["window"])
    judged["of_band_percent"] = 100 * judged["difference_percent"].abs() / judged["band_percent"]
    return judged[["row", "difference_percent", "of_band_percent"]]


def _tables(seed: int) -> Tables:
    streams = stream_table(seed)
    return {"summary": summary_table(streams), "judged": judged_table(streams), "streams": streams}


ENTRY = Entry(
    title="streams through a banked DRAM: cycles of cycle-level simulators, judged row by row",
    source="Ramulator 2.1 (DDR4-2400) and DRAMsim3 (LPDDR4-3200), 552 runs, "
    "workloads/published/dram_streams.csv",
    tables=_tables,
    notes=NOTES,
    bands=(
        Band("judged", "of_band_percent", 0, 100),
        Band("judged", "difference_percent", 0, MEDIAN_PERCENT, of="median of absolutes"),
    ),
)
