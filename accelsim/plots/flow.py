"""Where bytes and energy go on their way from DRAM to the multipliers and back.

::

    DRAM ==> scratchpad ==> wires ==> queues ==> MACs      a box: energy spent there, its height in proportion
      ^===============  outputs  ================'         a band: bytes moved, its width in logarithms
"""

import math
from typing import TYPE_CHECKING

from accelsim.errors import InputError
from accelsim.plots.run import Run, tables_of
from accelsim.plots.style import FONT_POINTS, energy_scale, legend, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Stage: label, components whose energy it holds.
STAGES = {
    "dram": ("DRAM", ("dram",)),
    "scratchpad": ("scratchpad", ("scratchpad",)),
    "wires": ("wires", ("wires", "noc")),
    "queues": ("queues,\nregisters,\nzero test", ("queue", "operand_register", "mask", "codebook")),
    "macs": ("MACs,\naccumulators", ("mac", "accumulator")),
}
# Of no place on the way: drawn at the end.
BESIDE = ("everywhere", "clock, leakage,\npostprocessor")
OPERANDS = {
    "weights": "#332288",
    "activations": "#88CCEE",
    "partial sums": "#999933",
    "outputs": "#117733",
    "burst waste": "#CC6677",
}
# Columns of layers.csv: from, to, operand.
_FLOWS = {
    "weight_fetch_bytes": ("dram", "scratchpad", "weights"),
    "activation_fetch_bytes": ("dram", "scratchpad", "activations"),
    "partial_sum_fetch_bytes": ("dram", "scratchpad", "partial sums"),
    "fetch_burst_waste_bytes": ("dram", "scratchpad", "burst waste"),
    "weight_scratchpad_read_bytes": ("scratchpad", "wires", "weights"),
    "activation_scratchpad_read_bytes": ("scratchpad", "wires", "activations"),
    "weight_queue_write_bytes": ("wires", "queues", "weights"),
    "activation_queue_write_bytes": ("wires", "queues", "activations"),
    "output_write_bytes": ("macs", "scratchpad", "outputs"),
    "partial_sum_write_bytes": ("macs", "scratchpad", "partial sums"),
    "output_drain_bytes": ("scratchpad", "dram", "outputs"),
    "partial_sum_drain_bytes": ("scratchpad", "dram", "partial sums"),
    "drain_burst_waste_bytes": ("scratchpad", "dram", "burst waste"),
}


def flow_table(run: Run) -> "pd.DataFrame":
    """Boxes and bands, of an inference: `from`, `to` (empty for a box), `operand`, `bytes`, `energy_pj`.

    Raises
    ------
    InputError
        If the run carries no energy rows.
    """
    import pandas as pd

    tables = tables_of(run)
    if tables.energy.empty:
        raise InputError(f"{tables.title}: the run has no energy rows to draw")
    layers, array, inputs = tables.layers, tables.chip.pe_array, tables.inputs
    spent = tables.energy.groupby("component")["pj"].sum() / inputs
    rows = []
    for stage, (_, components) in STAGES.items():
        pj = math.fsum(float(spent.get(component, 0.0)) for component in components)
        rows.append({"from": stage, "to": "", "operand": "", "bytes": 0.0, "energy_pj": pj})
    rest = float(spent.sum()) - math.fsum(float(str(row["energy_pj"])) for row in rows)
    rows.append({"from": BESIDE[0], "to": "", "operand": "", "bytes": 0.0, "energy_pj": rest})
    moved = {place: float(layers[column].sum()) / inputs for column, place in _FLOWS.items()}
    for operand, bits in (("weight", array.weight_bits), ("activation", array.activation_bits)):
        reads = float(layers[f"{operand}_operand_reads"].sum())
        moved["queues", "macs", f"{operand}s"] = reads * bits / 8 / inputs
    for (start, end, operand), size in moved.items():
        if size:
            rows.append({"from": start, "to": end, "operand": operand, "bytes": size, "energy_pj": 0.0})
    return pd.DataFrame(rows)


def flow(run: Run) -> "Figure":
    """Energy of each stage as a box, bytes between them as bands, forward above and back below."""
    from matplotlib.patches import Patch

    tables = tables_of(run)
    table = flow_table(tables)
    boxes = table[table["to"] == ""].set_index("from")["energy_pj"]
    bands = table[table["to"] != ""]
    figure = new_figure(4.4)
    axes = figure.add_subplot()
    axes.set_axis_off()
    places = {name: i * 1.0 for i, name in enumerate([*STAGES, BESIDE[0]])}
    divisor, unit = energy_scale(float(boxes.sum()))
    for name, x in places.items():
        label = STAGES[name][0] if name in STAGES else BESIDE[1]
        _box(axes, x, float(boxes[name]), float(boxes.sum()), f"{boxes[name] / divisor:.3g} {unit}", label)
    # The least band that is drawn is a hair, the widest a tenth of the picture.
    largest = math.log10(max(float(bands["bytes"].max()), 10.0))
    tops = dict.fromkeys([(a, b) for a, b in zip(bands["from"], bands["to"], strict=True)], 0.0)
    for row in bands.to_dict("records"):
        key = row["from"], row["to"]
        back = places[row["to"]] < places[row["from"]]
        width = 0.1 * max(math.log10(max(row["bytes"], 1.0)) / largest, 0.03)
        y = (0.05 if back else 0.55) + tops[key] + width / 2
        tops[key] += width + 0.045
        _band(axes, places[row["from"]], places[row["to"]], y, width, OPERANDS[row["operand"]], row["bytes"])
    axes.set_xlim(-0.45, max(places.values()) + 0.45)
    axes.set_ylim(-0.02, 1.16)
    axes.set_title(f"{tables.title}: from DRAM to MAC and back", fontsize=FONT_POINTS + 1, loc="left")
    used = [name for name in OPERANDS if name in set(bands["operand"])]
    handles = [Patch(color=OPERANDS[name], alpha=0.55, label=name) for name in used]
    handles.append(Patch(color="#444444", label="energy spent (height: share)"))
    legend(figure, handles, "bytes moved\n(width: logarithm)")
    return figure


def _box(axes: "Axes", x: float, pj: float, total: float, energy: str, label: str) -> None:
    from matplotlib.patches import Rectangle

    share = pj / total if total else 0.0
    axes.add_patch(Rectangle((x - 0.09, 0), 0.18, 0.98, color="#EEEEEE", zorder=2))
    axes.add_patch(Rectangle((x - 0.09, 0), 0.18, 0.98 * share, color="#444444", zorder=3))
    axes.text(
        x, 1.0, f"{label}\n{energy}, {100 * share:.0f} %", ha="center", va="bottom", fontsize=FONT_POINTS
    )


def _band(axes: "Axes", x0: float, x1: float, y: float, width: float, colour: str, size: float) -> None:
    from matplotlib.patches import FancyArrow

    ends = (x0 + 0.09, x1 - 0.09) if x1 > x0 else (x0 - 0.09, x1 + 0.09)
    axes.add_patch(
        FancyArrow(
            ends[0],
            y,
            ends[1] - ends[0],
            0,
            width=width,
            head_width=width,
            head_length=0.06,
            length_includes_head=True,
            color=colour,
            alpha=0.55,
            linewidth=0,
            zorder=1,
        )
    )
    # A band that passes other stages carries its label before the first of them.
    x = ends[0] + math.copysign(0.41, ends[1] - ends[0])
    axes.text(x, y + width / 2, _bytes(size), ha="center", va="bottom", fontsize=FONT_POINTS - 1.5)


def _bytes(size: float) -> str:
    for divisor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= divisor:
            return f"{size / divisor:.3g} {unit}"
    return f"{size:.0f} B"
