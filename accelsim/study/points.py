"""One point of a study: a chip, a trace and mapping options in; figures, tables or an error out.

A point's key hashes all that decides its figures: the chip, its energy table, the trace, the mapping options
and the code. A worker evaluates points; it opens a trace once, and answers `absent` where it has none.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from accelsim.dataflows import unsupported_layers
from accelsim.energy import load_table
from accelsim.errors import AccelsimError
from accelsim.hardware import Accelerator, Energy, hardware_hash
from accelsim.report import run_row
from accelsim.reuse import DISK_BYTES, Counts, of_process
from accelsim.simulation import simulate
from accelsim.study.store_tables import Rows
from accelsim.study.study_file import Keep, MappingOptions
from accelsim.study.traces import TraceFile, found, keep
from accelsim.trace import NetworkTrace
from accelsim.version import code_version, versions


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What a worker is sent.

    Attributes
    ----------
    number : place in the order of the study
    key : of `point_key`
    settings : the chip's value of every axis, and the workload: columns of the store
    code : `code_version` of the driver
    reuse_bytes : most bytes of results of earlier points on disk; 0: no reuse
    """

    number: int
    key: str
    settings: Mapping[str, Any]
    chip: Accelerator
    trace: TraceFile
    mapping: MappingOptions
    keep: Keep
    code: str
    reuse_bytes: int = DISK_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a worker sends back: figures, or an error; or that it has not the trace."""

    figures: dict[str, Any] | None = None
    error: str = ""
    absent: bool = False
    provenance: dict[str, Any] = field(default_factory=dict)
    layers: Rows | None = None
    tiles: Rows | None = None
    reused: Counts = field(default_factory=dict)


def point_key(chip: Accelerator, trace_hash: str, mapping: MappingOptions) -> str:
    """sha256 of all that decides a point's figures.

    Raises
    ------
    InputError
        If the chip's energy table cannot be read.
    """
    facts = {
        "hardware": hardware_hash(chip),
        "energy_table": _table_hash(chip.energy),
        "trace": trace_hash,
        "mapping": mapping.model_dump(mode="json"),
        "code": code_version(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@lru_cache(maxsize=256)
def _table_hash(energy: Energy) -> str:
    return load_table(energy.table, node_nm=energy.node_nm, overlay=energy.overlay).sha256


def evaluate(point: Point, content: bytes | None = None) -> Outcome:
    """Run a point, in a worker; what goes wrong with it is its outcome.

    Parameters
    ----------
    content : the trace's file, where this worker was found to lack it

    Raises
    ------
    AccelsimError
        If this worker runs other code than the driver: no point of it would be what its key says.
    """
    if code_version() != point.code:
        raise AccelsimError(
            f"a worker runs another accelsim (code {code_version()[:12]}, the driver {point.code[:12]}): "
            "install the same one on every machine"
        )
    facts = {**versions(), "trace_hash": point.trace.content_hash, "code": point.code}
    try:
        if content is not None:
            keep(point.trace, content)
        trace = found(point.trace)
        return Outcome(absent=True) if trace is None else _simulated(point, trace)
    except AccelsimError as error:
        return Outcome(error=str(error), provenance=facts)
    except Exception as error:  # a fault of ours or of the machine: it is this point's, the study goes on
        return Outcome(error=f"{type(error).__name__}: {error}", provenance=facts)


def _simulated(point: Point, trace: NetworkTrace) -> Outcome:
    from accelsim.plots import tables_of

    reuse = of_process(point.reuse_bytes)
    before = reuse.snapshot()
    options = point.mapping
    left_out = unsupported_layers(trace, point.chip, reuse) if options.skip_unsupported else {}
    result = simulate(
        trace,
        point.chip,
        objective=options.objective,
        left_out=left_out,
        together=options.together,
        balance_filters=options.balance_filters,
        order_channels=options.order_channels,
        between_layers=options.between_layers,
        toggles=options.toggles,
        threads=1,
        seed=options.seed,
        reuse=reuse,
    )
    facts = result.provenance | {"code": point.code, "reuse": reuse.on}
    # What differs from point to point is a column, so that points share the rest.
    own = {"hardware_hash": facts.pop("hardware_hash"), "left_out": " ".join(left_out)}
    return Outcome(
        figures=run_row(result) | own,
        provenance=facts,
        layers=Rows.of_dicts(result.layer_rows()) if point.keep.layers else None,
        tiles=Rows.of_frame(tables_of(result).tiles) if point.keep.tiles else None,
        reused=reuse.since(before),
    )
