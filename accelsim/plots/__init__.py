"""Pictures of results, for papers: each function returns a matplotlib Figure and has a sister table.

A run is a `NetworkResult`, or the `RunTables` that `accelsim.report.read_run` reads back from a
finished run's folder. Every drawing is made from tables alone, so both give the same picture.
matplotlib and pandas are imported when the first picture is drawn.

=================  =======================  =================================================================
picture            data                     shows
=================  =======================  =================================================================
`cycles`           `cycles_table`           cycles of each layer, by cause
`energy`           `energy_table`           energy of each layer, by component, with its 90 % interval
`roofline`         `roofline_table`         TOPS against operations per DRAM byte, with each layer's ceilings
`roofline_change`  `roofline_change_table`  the same of two runs, with an arrow per layer
`cache`            (of `cache_study`)       DRAM bytes and energy of caches beside the scratchpad
`compression`      (of its study)           speed-up, bytes and energy of compressed networks, by chip
`flow`             `flow_table`             bytes and energy from DRAM to MAC and back
`timeline`         `timeline_table`         when each tile of a layer is fetched, computed and drained
`heatmap`          `with_utilisation`       how evenly the PEs work in a layer
`compare`          `compare_table`          cycles of several runs by cause, with speed-up
`sweep`            `sweep_table`            cycles and energy against a swept value, with the ideal
`curves`           (the given table)        one quantity against another, a curve per value of a column
`sram_fit`         (the given table)        CACTI's points and the fit that prices scratchpads
`pareto`           (the given table)        plans of layers that none dominates: DRAM bytes, cycles, energy
`points`           (the given table)        points of a study, a quantity against another, with the front
`sensitivity`      (the given table)        how far each axis of a study moves each objective
`formats`          `smallest_table`         bytes of each encoding against density, and which is smallest
=================  =======================  =================================================================
"""

from accelsim.plots.balance import balance_table, pe_axes, with_utilisation
from accelsim.plots.cache import cache
from accelsim.plots.ceilings import roofline_table
from accelsim.plots.compare import compare, compare_table
from accelsim.plots.compression import compression
from accelsim.plots.curves import curves
from accelsim.plots.flow import flow, flow_table
from accelsim.plots.formats import formats, smallest_table
from accelsim.plots.heatmap import heatmap
from accelsim.plots.layers import cycles, cycles_table, energy, energy_table
from accelsim.plots.pareto import pareto
from accelsim.plots.points import places, points
from accelsim.plots.roofline import roofline
from accelsim.plots.roofline_change import roofline_change, roofline_change_table
from accelsim.plots.run import Run, RunTables, tables_of
from accelsim.plots.save import save
from accelsim.plots.sensitivity import sensitivity
from accelsim.plots.sram import sram_fit
from accelsim.plots.sweep import sweep, sweep_table
from accelsim.plots.timeline import timeline, timeline_table

__all__ = [
    "Run",
    "RunTables",
    "balance_table",
    "cache",
    "compare",
    "compare_table",
    "compression",
    "curves",
    "cycles",
    "cycles_table",
    "energy",
    "energy_table",
    "flow",
    "flow_table",
    "formats",
    "heatmap",
    "pareto",
    "pe_axes",
    "places",
    "points",
    "roofline",
    "roofline_change",
    "roofline_change_table",
    "roofline_table",
    "save",
    "sensitivity",
    "smallest_table",
    "sram_fit",
    "sweep",
    "sweep_table",
    "tables_of",
    "timeline",
    "timeline_table",
    "with_utilisation",
]
