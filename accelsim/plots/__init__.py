"""Pictures of results, for papers: each function returns a matplotlib Figure and has a sister table.

A run is a `NetworkResult`, or the `RunTables` that `accelsim.report.read_run` reads back from a
finished run's folder. Every drawing is made from tables alone, so both give the same picture.
matplotlib and pandas are imported when the first picture is drawn.

==========  ====================  ==========================================================
picture     data                  shows
==========  ====================  ==========================================================
`cycles`    `cycles_table`        cycles of each layer, by cause
`energy`    `energy_table`        energy of each layer, by component, with low and high bound
`roofline`  `roofline_table`      TOPS against operations per DRAM byte, with both ceilings
`timeline`  `timeline_table`      when each tile of a layer is fetched, computed and drained
`compare`   `compare_table`       cycles of several runs by cause, with speed-up
`sweep`     `sweep_table`         cycles and energy against a swept value, with the ideal
`curves`    (the given table)     one quantity against another, a curve per value of a column
`pareto`    (the given table)     plans of layers that none dominates: DRAM bytes, cycles, energy
`formats`   `smallest_table`      bytes of each encoding against density, and which is smallest
==========  ====================  ==========================================================
"""

from accelsim.plots.compare import compare, compare_table
from accelsim.plots.curves import curves
from accelsim.plots.formats import formats, smallest_table
from accelsim.plots.layers import cycles, cycles_table, energy, energy_table
from accelsim.plots.pareto import pareto
from accelsim.plots.roofline import roofline, roofline_table
from accelsim.plots.run import Run, RunTables, tables_of
from accelsim.plots.save import save
from accelsim.plots.sweep import sweep, sweep_table
from accelsim.plots.timeline import timeline, timeline_table

__all__ = [
    "Run",
    "RunTables",
    "compare",
    "compare_table",
    "curves",
    "cycles",
    "cycles_table",
    "energy",
    "energy_table",
    "formats",
    "pareto",
    "roofline",
    "roofline_table",
    "save",
    "smallest_table",
    "sweep",
    "sweep_table",
    "tables_of",
    "timeline",
    "timeline_table",
]
