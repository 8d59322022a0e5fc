"""SCALE-Sim topology files: shapes of layers as CSV, without tensors.

Two forms, told apart by their number of columns; a comma at a line's end may be missing::

    Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
    Layer, M, N, K,                                      # matrix products: M x K times K x N

Images are as large as the file says: padding is part of them.
"""

import csv
from pathlib import Path

from accelsim.errors import ImportedModelError
from accelsim.network import Layer

_CONVOLUTION = (
    "input height",
    "input width",
    "filter height",
    "filter width",
    "channels",
    "filters",
    "stride",
)
_PRODUCT = ("M", "N", "K")


def read_topology(path: str | Path) -> list[Layer]:
    """The layers of a topology file, in order.

    Raises
    ------
    ImportedModelError
        With file and line: if a line has another number of columns, a size is no whole number of at
        least 1, a filter is larger than its image, or two layers have one name.
    """
    file = Path(path)
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = [
                (number, [cell.strip() for cell in row]) for number, row in enumerate(csv.reader(lines), 1)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ImportedModelError(f"{file}: cannot be read: {error}") from error
    layers: list[Layer] = []
    for number, row in rows[1:]:  # the first line names the columns
        cells = row[:-1] if row and row[-1] == "" else row
        if not any(cells):
            continue
        layer = _layer(f"{file}:{number}", cells)
        if layer.name in {other.name for other in layers}:
            raise ImportedModelError(f"{file}:{number}: two layers are named {layer.name!r}")
        layers.append(layer)
    if not layers:
        raise ImportedModelError(f"{file}: no layers below its first line")
    return layers


def _layer(where: str, cells: list[str]) -> Layer:
    name, *sizes = cells
    columns = {len(_CONVOLUTION): _CONVOLUTION, len(_PRODUCT): _PRODUCT}.get(len(sizes))
    if columns is None:
        raise ImportedModelError(
            f"{where}: {len(cells)} columns; a convolution has {len(_CONVOLUTION) + 1}, a matrix product "
            f"{len(_PRODUCT) + 1}"
        )
    numbers = []
    for column, text in zip(columns, sizes, strict=True):
        if not text.isdecimal() or int(text) < 1:
            raise ImportedModelError(
                f"{where}: {name}: {column} must be a whole number of at least 1, not {text!r}"
            )
        numbers.append(int(text))
    if columns is _PRODUCT:
        m, n, k = numbers
        return Layer(name=name, input_width=m, channels=k, filters=n)
    height, width, filter_height, filter_width, channels, filters, stride = numbers
    if filter_height > height or filter_width > width:
        raise ImportedModelError(
            f"{where}: {name}: a filter of {filter_height} x {filter_width} does not fit in "
            f"{height} x {width}"
        )
    return Layer(
        name=name,
        input_height=height,
        input_width=width,
        channels=channels,
        filters=filters,
        kernel=(filter_height, filter_width),
        stride=(stride, stride),
    )
