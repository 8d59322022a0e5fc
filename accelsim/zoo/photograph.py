"""Photographs that installed packages carry, as inputs of a model."""

from importlib.resources import files
from io import BytesIO
from typing import Any

import numpy as np

from accelsim.errors import InputError
from accelsim.zoo.recipe_file import Floats, Photograph, Preprocessing


def network_input(photograph: Photograph, how: Preprocessing) -> Floats:
    """A photograph as the model's input.

    Returns
    -------
    float32 [1, crop, crop, 3], or [1, 3, crop, crop] if the layout is NCHW

    Raises
    ------
    InputError
        If the package that carries it is not installed.
    """
    from PIL import Image

    try:
        data = files(photograph.package).joinpath(photograph.file).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise InputError(
            f"{photograph.package}/{photograph.file}: {error}: pip install 'accelsim[onnx,images]'"
        ) from error
    image = Image.open(BytesIO(data)).convert("RGB")
    fit = {"crop": _cropped, "square": _squared, "letterbox": _letterboxed}
    image = fit[how.fit](image, how)
    if how.jpeg:
        buffer = BytesIO()
        image.save(buffer, format="JPEG")
        image = Image.open(buffer)
    pixels = np.asarray(image, np.float32)[:, :, ["RGB".index(channel) for channel in how.channels]]
    values = (pixels - np.array(how.mean, np.float32)) / np.array(how.divisor, np.float32)
    values = values[None] if how.layout == "NHWC" else values.transpose(2, 0, 1)[None]
    return np.ascontiguousarray(values)


def _cropped(image: Any, how: Preprocessing) -> Any:
    from PIL import Image

    side, margin = how.resize_pixels, (how.resize_pixels - how.crop_pixels) // 2
    image = image.resize((side, side), Image.Resampling.BILINEAR)
    return image.crop((margin, margin, margin + how.crop_pixels, margin + how.crop_pixels))


def _squared(image: Any, how: Preprocessing) -> Any:
    from PIL import Image

    size = int(how.crop_pixels / how.resize_pixels * min(image.size))
    left, top = (image.width - size) // 2, (image.height - size) // 2
    square = image.crop((left, top, left + size, top + size))
    return square.resize((how.crop_pixels, how.crop_pixels), Image.Resampling.BICUBIC)


def _letterboxed(image: Any, how: Preprocessing) -> Any:
    from PIL import Image

    side = how.crop_pixels
    scale = side / max(image.size)
    width, height = (max(round(n * scale), 1) for n in image.size)
    fitted = image.resize((width, height), Image.Resampling.BILINEAR)
    black = Image.new("RGB", (side, side))
    black.paste(fitted, ((side - width) // 2, (side - height) // 2))
    return black
