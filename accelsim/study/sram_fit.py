"""CACTI's points of a node beside the fit that prices scratchpads."""

from typing import TYPE_CHECKING

from accelsim.energy import sram
from accelsim.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def fit_table(node_nm: float) -> "pd.DataFrame":
    """One row per point: read and write in pJ, the fit, and point / fit; `in_fit` is 0 beyond the fit.

    Raises
    ------
    InputError
        If there are no points of the node.
    """
    import pandas as pd

    if node_nm not in sram.point_nodes():
        known = ", ".join(f"{node:g}" for node in sram.point_nodes())
        raise InputError(f"no CACTI points at {node_nm:g} nm; nodes: {known}")
    rows = []
    for point in sram.points():
        if (point.node_nm, point.cell_type) != (node_nm, "itrs-lstp"):
            continue
        row: dict[str, float] = {
            "size_bytes": point.size_bytes,
            "width_bits": point.width_bits,
            "in_fit": int(not sram.extrapolated(point.size_bytes, point.width_bits)),
        }
        for what in ("read", "write"):
            reference = sram.fitted(what, node_nm, 8192, 64)[0]
            fit = reference * sram.shape(what, point.size_bytes / 8192, point.width_bits / 64)
            row |= {
                f"{what}_pj": point.of(what),
                f"{what}_fit_pj": fit,
                f"{what}_ratio": point.of(what) / fit,
            }
        rows.append(row)
    return pd.DataFrame(rows)
