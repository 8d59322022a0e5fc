"""DRAM devices as data: `dram/timing.csv` and `dram/energy.csv`, one sourced number a row.

A device of one's own is a CSV file of the same columns (docs/dram.md); what cannot be is refused by line.
"""

import csv
import io
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path

from accelsim.errors import HardwareError, InputError, listed
from accelsim.units import exact

_FOLDER = Path(__file__).parent / "dram"
COLUMNS = ("device", "key", "value", "unit", "source", "note")
CLOCKS = (
    "CL",
    "CWL",
    "tRCD_read",
    "tRCD_write",
    "tRP",
    "tRP_all",
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
    "tRFC",
    "tREFI",
    "tPPD",
    "bus_turnaround",
    "rank_switch",
    "burst",
)
SIZES = (
    "burst_bytes",
    "row_bytes",
    "rows",
    "bank_groups",
    "banks_per_group",
    "pseudo_channels",
    "command_buses",
)
_UNITS = {"tCK": "ns"} | dict.fromkeys(CLOCKS, "clocks") | dict.fromkeys(SIZES, "count")
_UNITS |= {"burst_bytes": "bytes", "row_bytes": "bytes"}
_MAY_BE_ZERO = ("tPPD", "bus_turnaround", "rank_switch")
_MOST = 2**17  # clocks: no wait of the kernels is longer
_MOST_OF = {"rows": 2**24, "tREFI": 2**30, "burst_bytes": 4096, "row_bytes": 2**20, "CL": 1000, "burst": 1000}
_MOST_OF |= {"command_buses": 2, "pseudo_channels": 8}
MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DramDevice:
    """A DRAM channel's device; `clocks` in DRAM clocks by JEDEC's names, sizes of one pseudo channel.

    Attributes
    ----------
    clock_ns : exact period of the DRAM clock
    command_buses : 2: row and column commands go in the same clock
    places : key -> `file:line`
    """

    name: str
    clock_ns: Fraction
    clocks: dict[str, int]
    burst_bytes: int
    row_bytes: int
    rows: int
    bank_groups: int
    banks_per_group: int
    pseudo_channels: int
    command_buses: int
    places: dict[str, str]

    def __getitem__(self, key: str) -> int:
        """Clocks of a timing parameter."""
        return self.clocks[key]

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes by key."""
        return {key: getattr(self, key) for key in SIZES}

    @property
    def banks(self) -> int:
        """Banks of a rank of a pseudo channel."""
        return self.bank_groups * self.banks_per_group

    @property
    def columns(self) -> int:
        """Bursts of a row."""
        return self.row_bytes // self.burst_bytes

    @property
    def peak_gb_per_s(self) -> Fraction:
        """10^9 bytes per second of a channel, all its pseudo channels together, exact."""
        return self.pseudo_channels * self.burst_bytes / (self.clocks["burst"] * self.clock_ns)

    def utilisation(self, bursts_per_activation: int | None = None, same_group: bool = False) -> Fraction:
        """Share of the peak that a read stream can reach (docs/dram.md, closed forms).

        Parameters
        ----------
        bursts_per_activation : of the stream; None: a whole row
        same_group : all bursts go to one bank group
        """
        t, n = self.clocks, bursts_per_activation or self.columns
        ccd = t["tCCD_L"] if same_group else t["tCCD_S"]
        burst = t["burst"]
        return min(
            Fraction(1),
            Fraction(burst, max(ccd, burst)),
            Fraction(4 * burst * n, t["tFAW"]),
            Fraction(burst * n, t["tRRD_S"]),
            Fraction(self.banks * burst * n, t["tRC"]),
        ) * (1 - Fraction(t["tRFC"], t["tREFI"]))


def devices() -> tuple[str, ...]:
    """Names of the shipped devices."""
    return tuple(dict.fromkeys(row["device"] for row in _shipped("timing.csv")))


def source_rows(name: str) -> list[dict[str, str]]:
    """A shipped device's numbers with unit, source and note, the caller's to change."""
    return [dict(row) for row in _shipped("timing.csv") if row["device"] == name]


def energy_rows(name: str | None = None) -> list[dict[str, str]]:
    """Energy details of a device, or of all: activation, bits read and written, I/O, standby, refresh."""
    return [dict(row) for row in _shipped("energy.csv") if name is None or row["device"] == name]


@cache
def _shipped(file: str) -> tuple[dict[str, str], ...]:
    with (_FOLDER / file).open(newline="", encoding="utf-8") as opened:
        return tuple(csv.DictReader(opened))


@cache
def _shipped_device(name: str) -> DramDevice:
    numbered = enumerate(_shipped("timing.csv"), start=2)
    return _device(name, [(n, row) for n, row in numbered if row["device"] == name], "timing.csv")


def load_device(name_or_path: str) -> DramDevice:
    """A shipped device by name, or the one of a CSV file.

    Raises
    ------
    HardwareError
        If there is none, or its table is impossible; one line per error: `my.csv:9: tRC must be ...`.
    """
    if name_or_path in devices():
        return _shipped_device(name_or_path)
    path = Path(name_or_path)
    if path.suffix != ".csv":
        raise HardwareError(
            f"neither a shipped DRAM device nor a .csv file: {name_or_path!r}; "
            f"shipped: {', '.join(devices())}"
        )
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise HardwareError(f"{path}: a device's file has at most {MAX_BYTES} bytes")
        text = raw.decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise HardwareError(f"{path}: cannot read the device: {error}") from error
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise HardwareError(f"{path}:1: missing columns: {', '.join(missing)}")
    names = list(dict.fromkeys(row["device"] or "" for _, row in rows))
    if not names:
        raise HardwareError(f"{path}: holds no device: no rows below the header")
    if len(names) != 1:
        raise HardwareError(f"{path}: a file holds one device, not {len(names)}: {listed(names)}")
    return _device(names[0], rows, str(path))


def _device(name: str, rows: list[tuple[int, dict[str, str]]], label: str) -> DramDevice:
    errors: list[str] = []
    values: dict[str, Fraction] = {}
    places: dict[str, str] = {}
    for line, row in rows:
        key, place = row["key"], f"{label}:{line}"
        try:
            if key in values:
                raise InputError(f"duplicate key {key!r}, already given at {places[key]}")
            values[key] = _value(row)
            places[key] = place
        except InputError as error:
            errors.append(f"{place}: {error}")
            values.setdefault(key, Fraction(0))
            places.setdefault(key, place)
    errors += [f"{label}: missing key {key!r}" for key in _UNITS if key not in values]
    if not errors:
        errors = [f"{places[key]}: {key} {text}" for key, text in impossible(values)]
    if errors:
        raise HardwareError("\n".join(errors))
    clocks = {key: int(values[key]) for key in CLOCKS}
    sizes = {key: int(values[key]) for key in SIZES}
    return DramDevice(name=name, clock_ns=values["tCK"], clocks=clocks, places=places, **sizes)


def _value(row: dict[str, str]) -> Fraction:
    key, text = row["key"], str(row["value"]).strip()
    if key not in _UNITS:
        raise InputError(f"unknown key {key!r}; known: {', '.join(_UNITS)}")
    if row["unit"] != _UNITS[key]:
        raise InputError(f"{key} must be given in {_UNITS[key]}, not {row['unit']!r}")
    if not str(row["source"] or "").strip():
        raise InputError(f"{key} has no source")
    try:
        number = Decimal(text)
    except ArithmeticError:
        number = Decimal("nan")
    if not number.is_finite():
        raise InputError(f"{key} must be a number, not {text!r}")
    # 1e999999999 as a fraction would fill the memory; it is in no key's range.
    value = exact(text) if abs(number.adjusted()) <= 30 else Fraction(-1)
    if key == "tCK":
        if not Fraction(1, 1000) <= value <= 1000:
            raise InputError(f"tCK must be 0.001 to 1000 ns, not {text}")
        return value
    least, most = 0 if key in _MAY_BE_ZERO else 1, _MOST_OF.get(key, _MOST)
    if value.denominator != 1 or not least <= value <= most:
        raise InputError(f"{key} must be an integer from {least} to {most}, not {text}")
    return value


def impossible(values: dict[str, Fraction]) -> list[tuple[str, str]]:
    """What no DRAM can have: (key, what it must be) of every contradiction of a table."""
    v, found = values, []

    def at_least(key: str, least: Fraction | int, why: str) -> None:
        if v[key] < least:
            found.append((key, f"must be at least {why} = {least}, not {v[key]}"))

    at_least("tRC", v["tRAS"] + v["tRP"], "tRAS + tRP")
    at_least("tRP_all", v["tRP"], "tRP")
    at_least("tCCD_S", v["burst"], "burst")
    for short in ("tCCD", "tRRD", "tWTR"):
        at_least(f"{short}_L", v[f"{short}_S"], f"{short}_S")
    at_least("tFAW", v["tRRD_S"], "tRRD_S")
    at_least("tREFI", v["tRFC"] + v["tRP_all"] + 1, "tRFC + tRP_all + 1")
    for key in SIZES:
        if int(v[key]) & (int(v[key]) - 1):
            found.append((key, f"must be a power of two, not {v[key]}"))
    at_least("row_bytes", v["burst_bytes"], "burst_bytes")
    if v["bank_groups"] * v["banks_per_group"] > 32:
        found.append(("banks_per_group", "must make at most 32 banks a rank with bank_groups"))
    return found
