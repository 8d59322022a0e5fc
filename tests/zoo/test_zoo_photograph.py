"""Photographs as inputs, and what a network says of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from accelsim import zoo
from accelsim.errors import InputError
from accelsim.zoo import photograph


def test_a_photograph_is_cropped_reordered_and_centred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 255, (10, 10, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "p.png")
    monkeypatch.setattr(photograph, "files", lambda package: tmp_path)
    how = zoo.Preprocessing(
        resize_pixels=10, crop_pixels=6, jpeg=False, channels="BGR", mean=(1.0, 2.0, 3.0), source=""
    )
    image = zoo.network_input(zoo.Photograph(package="p", file="p.png", credit=""), how)
    assert (image.shape, image.dtype) == ((1, 6, 6, 3), np.float32)
    np.testing.assert_array_equal(image[0], pixels[2:8, 2:8, ::-1].astype(np.float32) - [1, 2, 3])


@pytest.mark.small
def test_a_missing_package_is_told_with_how_to_install_it() -> None:
    how = zoo.recipe("resnet50-thin").preprocessing
    with pytest.raises(InputError, match=r"pip install 'accelsim\[onnx,images\]'"):
        zoo.network_input(zoo.Photograph(package="no_such_package", file="a.png", credit=""), how)


def test_a_small_photograph_of_one_colour_keeps_it_through_resizing_and_jpeg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (14, 20), (200, 120, 40)).save(tmp_path / "p.png")
    monkeypatch.setattr(photograph, "files", lambda package: tmp_path)
    how = zoo.Preprocessing(
        resize_pixels=32, crop_pixels=24, jpeg=True, channels="BGR", mean=(1.0, 2.0, 3.0), source=""
    )
    image = zoo.network_input(zoo.Photograph(package="p", file="p.png", credit=""), how)
    assert image.shape == (1, 24, 24, 3)
    assert np.ptp(image, axis=(0, 1, 2)).max() == 0
    np.testing.assert_allclose(image[0, 0, 0], [40 - 1, 120 - 2, 200 - 3], atol=2)  # JPEG rounds colours


def test_a_letterboxed_photograph_keeps_its_shape_between_black_bars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (20, 10), (255, 0, 51)).save(tmp_path / "p.png")
    monkeypatch.setattr(photograph, "files", lambda package: tmp_path)
    how = zoo.Preprocessing(
        fit="letterbox",
        resize_pixels=8,
        crop_pixels=8,
        mean=(127.5,) * 3,
        divisor=(127.5,) * 3,
        layout="NCHW",
        source="",
    )
    image = zoo.network_input(zoo.Photograph(package="p", file="p.png", credit=""), how)
    assert image.shape == (1, 3, 8, 8)
    assert (image[0, :, [0, 1, 6, 7]] == -1).all()
    np.testing.assert_allclose(
        image[0, :, 2:6], np.broadcast_to(np.array([1, -1, -0.6])[:, None, None], (3, 4, 8)), atol=1e-6
    )


def test_a_square_is_cut_from_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[1:15, 9:23] = 200  # 14 of the shorter side's 16 pixels, centred
    Image.fromarray(pixels).save(tmp_path / "p.png")
    monkeypatch.setattr(photograph, "files", lambda package: tmp_path)
    how = zoo.Preprocessing(fit="square", resize_pixels=256, crop_pixels=224, mean=(0.0,) * 3, source="")
    image = zoo.network_input(zoo.Photograph(package="p", file="p.png", credit=""), how)
    assert image.shape == (1, 224, 224, 3)
    assert (image == 200).all()


@pytest.mark.small
def test_an_answer_is_the_bounded_largest_value_or_its_place() -> None:
    def answer(**given: Any) -> zoo.Answer:
        return zoo.Answer(
            **(
                {"kind": "score", "what": "", "tensors": ("a", "b"), "activation": "none", "source": ""}
                | given
            )
        )

    tensors = [np.array([[1.0, -300.0]], np.float32), np.array([2.0], np.float32)]
    assert answer().of(tensors) == 2.0
    assert answer(kind="class").of(tensors) == 2.0
    assert answer(index=0).of(tensors) == 1.0
    assert answer(index=1, bound=100).of(tensors) == -100.0
    assert answer(activation="sigmoid").of(tensors) == pytest.approx(1 / (1 + np.exp(-2)))
    assert answer(activation="softmax", index=0).of(tensors) == pytest.approx(
        np.exp(1) / (np.exp(1) + np.exp(2))
    )
