"""Walks of convolution windows: which input pixel an output position reads at a tap."""

import numpy as np
import numpy.typing as npt

from accelsim.jit import bare_kernel
from accelsim.network import Layer

# Columns of the int64 geometry vector that kernels take.
HEIGHT, WIDTH, STRIDE_H, STRIDE_W, PAD_TOP, PAD_LEFT, DILATION_H, DILATION_W, KERNEL_H, KERNEL_W, GROUPS = (
    range(11)
)


def geometry_vector(layer: Layer) -> npt.NDArray[np.int64]:
    """A layer's geometry in the order of this module's constants: int64 [11]."""
    values: list[int] = [layer.input_height, layer.input_width, *layer.stride, *layer.padding[:2]]
    return np.array([*values, *layer.dilation, *layer.kernel, layer.groups], np.int64)


@bare_kernel
def fill_pixels(geometry, box, first_position, columns, pixels):
    """Input pixel (n*H + h)*W + w of each tap and position, or -1 for a padding tap.

    Parameters
    ----------
    geometry : int64 [11], see the constants of this module
    box : int64 [10], tables.BOX
    first_position : int, flattened (n, p, q) of the box, q fastest
    columns : int, positions to fill
    pixels : int64 [R * S, >= columns], written
    """
    rows_p = box[7] - box[6]
    rows_q = box[9] - box[8]
    line = first_position // rows_q
    q = box[8] + first_position % rows_q
    p = box[6] + line % rows_p
    n = box[0] + line // rows_p
    for column in range(columns):
        top = p * geometry[STRIDE_H] - geometry[PAD_TOP]
        left = q * geometry[STRIDE_W] - geometry[PAD_LEFT]
        for r in range(geometry[KERNEL_H]):
            h = top + r * geometry[DILATION_H]
            for s in range(geometry[KERNEL_W]):
                w = left + s * geometry[DILATION_W]
                inside = 0 <= h < geometry[HEIGHT] and 0 <= w < geometry[WIDTH]
                pixel = (n * geometry[HEIGHT] + h) * geometry[WIDTH] + w if inside else -1
                pixels[r * geometry[KERNEL_W] + s, column] = pixel
        q += 1  # to the next position, without dividing
        if q == box[9]:
            q = box[8]
            p += 1
            if p == box[7]:
                p = box[6]
                n += 1
