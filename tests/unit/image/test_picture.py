import io

import numpy as np
import pytest
from PIL import Image

from codec.arrays import pad
from codec.errors import InputError
from codec.image.metadata import carried
from codec.image.output import format_of, save, to_image
from codec.image.picture import load


def gradient(mode: str) -> Image.Image:
    y, x = np.mgrid[0:20, 0:30]
    rgb = Image.fromarray(np.stack([x * 8, y * 12, x + y], 2).astype(np.uint8))
    return rgb.convert(mode)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "YCbCr", "HSV", "CMYK", "LAB", "RGBX"])
def test_every_opaque_mode_becomes_rgb(mode: str) -> None:
    source = Image.new("LAB", (30, 20)) if mode == "LAB" else gradient(mode)
    picture = load(source)
    assert picture.pixels.shape == (20, 30, 3)
    assert picture.pixels.dtype == np.uint8
    assert picture.alpha is None
    assert bool(picture.notes) == (mode in {"CMYK", "LAB"})


@pytest.mark.parametrize("mode", ["LA", "RGBA", "PA"])
def test_alpha_is_kept_unless_it_is_opaque(mode: str) -> None:
    image = gradient("L" if mode == "LA" else "RGB").convert("RGBA")
    assert load(image).alpha is None
    image.putalpha(gradient("L"))
    source = image.convert(mode)
    picture = load(source)
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha, np.asarray(source.convert("RGBA"))[..., 3])


def test_palette_with_a_transparent_colour_has_alpha() -> None:
    image = Image.fromarray(np.arange(4, dtype=np.uint8).reshape(2, 2)).convert("P")
    image.info["transparency"] = 2
    alpha = load(image).alpha
    assert alpha is not None
    assert sorted(alpha.ravel()) == [0, 255, 255, 255]


def test_sixteen_bits_are_rounded_to_eight() -> None:
    wide = np.array([[0, 128, 257, 65535, 32768]], np.uint16)
    picture = load(Image.fromarray(wide))
    assert picture.pixels[0, :, 0].tolist() == [0, 0, 1, 255, 128]
    assert picture.notes == ("16 bits a sample reduced to 8",)


@pytest.mark.parametrize("mode", ["F", "I"])
def test_float_and_32_bit_pictures_are_refused_in_clear_words(mode: str) -> None:
    with pytest.raises(InputError, match=f"picture has mode '{mode}'; convert it"):
        load(Image.new(mode, (2, 2)))


def test_orientation_is_applied_once() -> None:
    image = gradient("RGB")
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif, quality=95)
    buffer.seek(0)
    picture = load(buffer)
    assert picture.pixels.shape == (30, 20, 3)
    kept = Image.Exif()
    kept.load(picture.exif or b"")
    assert kept.get(0x010F) == "maker"
    assert 0x0112 not in kept


def test_metadata_goes_through_a_png_and_back() -> None:
    exif = Image.Exif()
    exif[0x010F] = "maker"
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
    pixels = np.asarray(gradient("RGB"))
    for kind in ("PNG", "JPEG", "WEBP", "AVIF", "TIFF"):
        buffer = io.BytesIO()
        made = carried(b"not read by anyone" * 9, exif.tobytes(), xmp)
        assert save(to_image(pixels, metadata=made), buffer, kind) == ()
        buffer.seek(0)
        picture = load(buffer)
        assert picture.icc == b"not read by anyone" * 9, kind
        assert picture.xmp == xmp, kind
        kept = Image.Exif()
        kept.load(picture.exif or b"")
        assert kept.get(0x010F) == "maker", kind


def test_animated_input_takes_the_first_frame_and_says_so() -> None:
    buffer = io.BytesIO()
    frames = [gradient("P"), gradient("P").transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    buffer.seek(0)
    assert "first frame" in load(buffer).notes[0]


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 2, 3), np.float32),
        np.zeros((2, 2, 4), np.uint8),
        np.zeros((0, 2, 3), np.uint8),
        np.zeros(3, np.uint8),
    ],
)
def test_arrays_of_another_form_are_refused(array: np.ndarray) -> None:
    with pytest.raises(InputError, match="array is"):
        load(array)


def test_gray_array() -> None:
    assert load(np.full((2, 3), 7, np.uint8)).pixels.tolist() == [[[7, 7, 7]] * 3] * 2


def test_broken_pictures_are_input_errors() -> None:
    buffer = io.BytesIO()
    gradient("RGB").save(buffer, "PNG")
    for data in (b"", b"not a picture", buffer.getvalue()[:60]):
        with pytest.raises(InputError):
            load(io.BytesIO(data))


def test_missing_file_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError):
        load("no such file.png")


def test_formats_by_ending() -> None:
    assert format_of(".JPG") == "JPEG"
    with pytest.raises(InputError, match=r"cannot write pictures that end in '\.tadm'"):
        format_of(".tadm")
    with pytest.raises(InputError, match="alpha"):
        save(gradient("RGB").convert("RGBA"), io.BytesIO(), "JPEG")


def test_padding_reflects_and_falls_back_to_replication() -> None:
    column = np.array([[1], [2], [3]], np.uint8)
    assert pad(column, 2, 0)[:, 0].tolist() == [1, 2, 3, 2, 1]
    assert pad(column, 3, 0)[:, 0].tolist() == [1, 2, 3, 3, 3, 3]
    assert pad(column, 0, 2)[0].tolist() == [1, 1, 1]
