"""What no two commands of a DRAM may do, checked over a log in plain Python, from the device's table alone."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from accelsim.hardware import DramDevice

Command = tuple[int, str, int, int]  # clock, name, bank, row


def violations(log: Sequence[Command], device: DramDevice) -> list[str]:
    """Every rule that the log breaks, in words."""
    ordered = sorted(log, key=lambda c: (c[0], c[1] != "PRE auto"))
    return [*_states(ordered, device), *_gaps(ordered, device), *_buses(ordered, device)]


def _states(log: Sequence[Command], device: DramDevice) -> Iterator[str]:
    """Accesses go to the open row, ACT to a closed bank, REF to a closed rank."""
    opened: dict[int, int] = {}
    for clock, name, bank, row in log:
        rank = range(bank // device.banks * device.banks, (bank // device.banks + 1) * device.banks)
        if name in ("RD", "WR") and opened.get(bank) != row:
            yield f"{clock}: {name} of row {row}, open is {opened.get(bank)}"
        if name == "ACT":
            if bank in opened:
                yield f"{clock}: ACT of an open bank {bank}"
            opened[bank] = row
        if name in ("PRE", "PRE auto") and opened.pop(bank, None) is None:
            yield f"{clock}: PRE of a closed bank {bank}"
        if name == "PREA":
            for b in rank:
                opened.pop(b, None)
        if name == "REF" and any(b in opened for b in rank):
            yield f"{clock}: REF of an open rank"


def least_gap(before: str, after: str, near: str, device: DramDevice) -> int:
    """Least clocks from one command to the other; near: the same bank, group, rank, or another rank."""
    t = device.clocks
    read, write = t["CL"] + t["burst"], t["CWL"] + t["burst"]
    long = near in ("bank", "group")
    suffix = "L" if long else "S"
    rules: dict[tuple[str, str], int] = {}
    if near != "other":
        rules = {
            ("RD", "RD"): t[f"tCCD_{suffix}"],
            ("WR", "WR"): t[f"tCCD_{suffix}"],
            ("RD", "WR"): read + t["bus_turnaround"] - t["CWL"],
            ("WR", "RD"): write + t[f"tWTR_{suffix}"],
            ("ACT", "ACT"): t[f"tRRD_{suffix}"],
            ("ACT", "REF"): t["tRC"],
            ("PRE", "REF"): t["tRP"],
            ("PRE auto", "REF"): t["tRP"],
            ("PREA", "REF"): t["tRP_all"],
            ("PREA", "ACT"): t["tRP_all"],
            ("PRE", "PRE"): t["tPPD"],
            ("RD", "PREA"): t["tRTP"],
            ("WR", "PREA"): write + t["tWR"],
            ("ACT", "PREA"): t["tRAS"],
        }
    if near == "bank":
        rules |= {("ACT", "ACT"): t["tRC"], ("ACT", "RD"): t["tRCD_read"], ("ACT", "WR"): t["tRCD_write"]}
        for closing in ("PRE", "PRE auto"):
            rules |= {("ACT", closing): t["tRAS"], (closing, "ACT"): t["tRP"]}
            rules |= {("RD", closing): t["tRTP"], ("WR", closing): write + t["tWR"]}
    return rules.get((before, after), 0)


def _gaps(log: Sequence[Command], device: DramDevice) -> Iterator[str]:
    kinds = ("RD", "WR", "ACT", "PRE", "PRE auto", "PREA", "REF")
    least_of = {
        (x, y, near): least_gap(x, y, near, device)
        for x in kinds
        for y in kinds
        for near in ("bank", "group", "rank", "other")
    }
    longest = max(gap for (before, *_), gap in least_of.items() if before != "REF")
    refreshed: dict[int, int] = {}
    for i, (clock, name, bank, _) in enumerate(log):
        rank = bank // device.banks
        if name in ("ACT", "REF") and clock - refreshed.get(rank, -(10**9)) < device["tRFC"]:
            yield f"{clock}: {name} of {bank}, {clock - refreshed[rank]} after REF, tRFC {device['tRFC']}"
        if name == "REF":
            refreshed[rank] = clock
        acts = 0
        for j in range(i - 1, -1, -1):
            before, other, where, _ = log[j]
            if clock - before > max(longest, device["tFAW"]):
                break
            near = "other"
            if where // device.banks == rank:
                near = "rank"
                if where // device.banks_per_group == bank // device.banks_per_group:
                    near = "group"
                if where == bank:
                    near = "bank"
            least = least_of[other, name, near]
            if clock - before < least:
                yield f"{clock}: {name} of {bank}, {clock - before} after {other} of {where}, least {least} ({near})"
            if name == other == "ACT" and near != "other":
                acts += 1
                if acts == 4 and clock - before < device["tFAW"]:
                    yield f"{clock}: fifth ACT {clock - before} after the first, tFAW {device['tFAW']}"


def _buses(log: Sequence[Command], device: DramDevice) -> Iterator[str]:
    """One command a clock and command bus; data of two accesses never meet on the bus."""
    slots = [
        (clock, name in ("RD", "WR") if device.command_buses == 2 else False)
        for clock, name, _, _ in log
        if name != "PRE auto"
    ]
    if len(set(slots)) != len(slots):
        yield "two commands in one clock of a bus"
    data = sorted(
        (clock + device["CL" if name == "RD" else "CWL"], bank // device.banks)
        for clock, name, bank, _ in log
        if name in ("RD", "WR")
    )
    for (a, rank), (b, other) in pairwise(data):
        least = device["burst"] + (device["rank_switch"] if rank != other else 0)
        if b - a < least:
            yield f"data at {b} {b - a} after those at {a}, least {least}"
