"""Pictures on disk: a vector file and the data drawn, the same bytes on every run."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from accelsim.files import write_whole

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def save(figure: "Figure", path_stem: str | Path, table: "pd.DataFrame") -> tuple[Path, Path]:
    """Write `path_stem`.svg and `path_stem`.csv, each whole or not at all; folders are made.

    Parameters
    ----------
    path_stem : path without ending
    table : the data drawn, from the picture's sister function

    Returns
    -------
    The two paths written: picture, data.

    Raises
    ------
    InputError
        If a file cannot be written; names the path.
    """
    from matplotlib import rc_context

    stem = Path(path_stem)
    picture, data = stem.with_name(stem.name + ".svg"), stem.with_name(stem.name + ".csv")
    buffer = io.BytesIO()
    # Without a fixed salt and with a date, two equal pictures would differ in every id.
    with rc_context({"svg.hashsalt": "accelsim"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    write_whole(picture, buffer.getvalue())
    write_whole(data, csv_bytes(table))
    return picture, data


def save_png(figure: "Figure", path_stem: str | Path) -> Path:
    """Write `path_stem`.png, 150 dots per inch, where SVG is not taken; raises InputError if it cannot."""
    stem = Path(path_stem)
    path = stem.with_name(stem.name + ".png")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    write_whole(path, buffer.getvalue())
    return path


def csv_bytes(table: "pd.DataFrame") -> bytes:
    """A table as CSV in UTF-8: LF ends lines, 12 significant digits, empty where a value is nan."""
    text: str = table.to_csv(index=False, float_format="%.12g", lineterminator="\n")
    return text.encode()
