"""Pillow's own habits, on `.tadm` files."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile, UnidentifiedImageError

import codec
import codec.plugins.pillow as plugin
from tests.pictures import with_maker

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'


@pytest.fixture(autouse=True)
def engine(tiny_package: Path) -> Iterator[codec.Engine]:
    """Pillow uses the tiny model in these tests."""
    with codec.Engine(model=str(tiny_package)) as made:
        plugin.register(engine=made)
        yield made
    plugin.register()


@pytest.fixture
def path(photo: Callable[[int, int], np.ndarray], tmp_path: Path) -> Path:
    Image.fromarray(photo(200, 136)).save(tmp_path / "a.tadm", scale=4, quality=50)
    return tmp_path / "a.tadm"


def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def test_open_reads_no_pixels(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codec.lr.payload_for", lambda coding: pytest.fail("decoded"))
    with Image.open(path) as im:
        assert (im.format, im.size, im.mode) == ("TADM", (200, 136), "RGB")
        assert im.get_format_mimetype() == Image.MIME["TADM"] == "image/x-tadm"
        assert (im.tell(), getattr(im, "n_frames", 1)) == (0, 1)
        with pytest.raises(EOFError):
            im.seek(1)


def test_open_and_draft_load_no_torch(path: Path) -> None:
    program = (
        "import sys, codec.plugins.pillow; from PIL import Image\n"
        f"im = Image.open({str(path)!r}); im.draft('RGB', (50, 34)); im.load(); assert im.size == (50, 34)\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=100)


def test_load_is_decode(path: Path, engine: codec.Engine) -> None:
    with Image.open(path) as im:
        assert isinstance(im, plugin.TadmImageFile)
        im.options = codec.DecodeOptions(realism=0)
        im.load()
        im.load()
        assert np.array_equal(np.asarray(im), np.asarray(codec.decode(path, realism=0, engine=engine)))
        im.putpixel((0, 0), (1, 2, 3))  # not read-only
        assert im.getpixel((0, 0)) == (1, 2, 3)
    with Image.open(path) as im:
        assert im.convert("L").size == (200, 136)
        assert not np.array_equal(np.asarray(im), np.asarray(codec.decode(path, realism=0, engine=engine)))


def test_options_of_register_are_the_default(path: Path, engine: codec.Engine) -> None:
    plugin.register(options=codec.DecodeOptions(realism=0), engine=engine)
    with Image.open(path) as im:
        assert np.array_equal(np.asarray(im), np.asarray(codec.decode(path, realism=0, engine=engine)))


@pytest.mark.parametrize("asked", [(50, 34), (10, 7)])
def test_draft_takes_the_lr(path: Path, asked: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec.Engine, "restorer", lambda *a: pytest.fail("used a model"))
    with Image.open(path) as im:
        assert im.draft("RGB", asked) == ("RGB", (0, 0, 50, 34))
        assert im.size == (50, 34)
        assert im.draft("RGB", (5, 3)) is None
        assert np.array_equal(np.asarray(im), np.asarray(codec.thumbnail(path)))


def test_draft_never_gives_less_than_asked_for(path: Path) -> None:
    with Image.open(path) as im:
        assert im.draft("RGB", (51, 34)) is None
        assert im.draft("RGB", None) is None
        im.load()
        assert im.draft("RGB", (5, 5)) is None
        assert im.size == (200, 136)


def test_thumbnail(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Image.open(path) as im:
        im.thumbnail((48, 48))  # Pillow asks for twice that
        assert im.size == (48, 33)
    monkeypatch.setattr(codec.Engine, "restorer", lambda *a: pytest.fail("used a model"))
    for size, gap in (((17, 17), 2.0), ((34, 34), 1.0)):
        with Image.open(path) as im:
            im.thumbnail(size, reducing_gap=gap)
            assert max(im.size) == max(size)


def test_alpha(photo: Callable[[int, int], np.ndarray], tmp_path: Path) -> None:
    image = Image.fromarray(photo(96, 64))
    image.putalpha(Image.linear_gradient("L").resize((96, 64)))
    image.save(tmp_path / "a.tadm", scale=4, quality=50)
    with Image.open(tmp_path / "a.tadm") as im:
        assert im.mode == "RGBA"
        assert np.array_equal(np.asarray(im)[:, :, 3], np.asarray(image)[:, :, 3])
    with Image.open(tmp_path / "a.tadm") as im:
        im.draft("RGB", (24, 16))
        alpha = np.asarray(im)[:, :, 3].astype(int)
        assert alpha.shape == (16, 24)
        assert np.abs(alpha - np.asarray(image.getchannel("A").resize((24, 16), 4)).astype(int)).max() <= 1


def test_info_and_what_save_keeps(photo: Callable[[int, int], np.ndarray], tmp_path: Path) -> None:
    """As Pillow's own writers: the profile by itself, EXIF and XMP when they are given."""
    icc = profile()
    image = Image.fromarray(photo(64, 64))
    image.info |= {"icc_profile": icc, "exif": with_maker(), "xmp": XMP}
    image.save(tmp_path / "a.tadm", scale=8)
    with Image.open(tmp_path / "a.tadm") as im:
        assert set(im.info) == {"icc_profile"}
        assert im.info["icc_profile"] == icc
    image.save(tmp_path / "b.tadm", scale=8, exif=image.getexif(), xmp=XMP, icc_profile=None)
    with Image.open(tmp_path / "b.tadm") as im:
        assert set(im.info) == {"exif", "xmp"}
        assert im.info["xmp"] == XMP
        assert im.getexif()[0x010F] == image.getexif()[0x010F]
        im.load()
        assert "timesteps" in im.info


def test_orientation_of_given_exif_is_applied(photo: Callable[[int, int], np.ndarray], tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(photo(96, 64)).save(tmp_path / "a.tadm", scale=8, exif=exif)
    with Image.open(tmp_path / "a.tadm") as im:
        assert im.size == (64, 96)
        assert 0x0112 not in im.getexif()
    turned = Image.fromarray(photo(96, 64))
    turned.info["exif"] = exif.tobytes()  # not given: pixels as they are
    turned.save(tmp_path / "b.tadm", scale=8)
    with Image.open(tmp_path / "b.tadm") as im:
        assert im.size == (96, 64)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "RGBA", "I;16"])
def test_modes_can_be_saved(mode: str, tmp_path: Path) -> None:
    Image.new(mode, (20, 12)).save(tmp_path / "a.tadm", scale=4)
    with Image.open(tmp_path / "a.tadm") as im:
        assert im.size == (20, 12)


def test_transparency_of_a_palette(tmp_path: Path) -> None:
    image = Image.new("P", (20, 12))
    image.save(tmp_path / "a.tadm", scale=4)
    image.info["transparency"] = 0
    image.save(tmp_path / "b.tadm", scale=4)
    with Image.open(tmp_path / "a.tadm") as plain, Image.open(tmp_path / "b.tadm") as clear:
        assert (plain.mode, clear.mode) == ("RGB", "RGBA")


def test_save_to_an_object_and_options(photo: Callable[[int, int], np.ndarray]) -> None:
    image, sizes = Image.fromarray(photo(128, 128)), []
    for quality in (10, 60):
        target = io.BytesIO()
        image.save(
            target, "TADM", scale=4, quality=quality, optimize=True, progressive=True
        )  # the last two: passed over
        sizes.append(len(target.getvalue()))
    assert sizes[0] < sizes[1]
    with pytest.raises(ValueError, match="quality is 100"):
        image.save(io.BytesIO(), "TADM", quality=100)
    with pytest.raises(OSError, match="no model for scale 3"):
        image.save(io.BytesIO(), "TADM", scale=3)


def test_pickling(path: Path) -> None:
    with Image.open(path) as im:
        again = pickle.loads(pickle.dumps(im))
        assert isinstance(again, plugin.TadmImageFile)
        assert np.array_equal(np.asarray(again), np.asarray(im))
        assert again.filename == im.filename


def test_file_objects(path: Path) -> None:
    """Used where they stand, not closed; a path is closed once it is loaded."""
    with path.open("rb") as stream:
        for _ in range(2):
            im = Image.open(stream)
            im.load()
            assert not stream.closed
    with Image.open(path) as im:
        held = im.fp
        im.load()
        assert held is not None
        assert held.closed
        im.load()
    with Image.open(io.BytesIO(path.read_bytes())) as im:
        assert im.getpixel((3, 3)) is not None


def test_copies_and_crops_of_an_unloaded_image(path: Path) -> None:
    with Image.open(path) as im:
        assert im.crop((0, 0, 8, 8)).size == (8, 8)
    with Image.open(path) as im:
        assert np.array_equal(np.asarray(im.copy()), np.asarray(im))


def test_verify(path: Path, tmp_path: Path) -> None:
    with Image.open(path) as im:
        im.verify()
    # valid checksum, broken payload
    from codec.container.reader import read
    from codec.container.writer import write

    file = read(path.read_bytes())
    object.__setattr__(file, "payloads", [b"\x00" * 40])
    (tmp_path / "b.tadm").write_bytes(write(file))
    with Image.open(tmp_path / "b.tadm") as im, pytest.raises(OSError, match="av1"):
        im.verify()
    with Image.open(tmp_path / "b.tadm") as im, pytest.raises(OSError, match="av1"):
        im.load()


def test_broken_files(path: Path) -> None:
    data = path.read_bytes()
    for length in (4, 5, 20, len(data) - 1):
        with pytest.raises(OSError, match=r"crc32|ends|header"):
            Image.open(io.BytesIO(data[:length]))
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(b"\x9cTDN" + data[4:]))
    with pytest.raises(SyntaxError):
        plugin.TadmImageFile(io.BytesIO(b"nothing"))


def test_bomb(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the size that is decoded to, not of the LR."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200 * 136 - 1)
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(path).close()
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200 * 136 // 2 - 1)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    Image.open(path).close()


def test_a_thin_picture_that_costs_much_is_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row costs as much as 64."""
    Image.new("RGB", (4000, 1)).save(tmp_path / "a.tadm", scale=4)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100_000)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(tmp_path / "a.tadm")


def test_no_model_is_an_oserror(path: Path) -> None:
    plugin.register(engine=codec.Engine())  # the shipped models are others
    with Image.open(path) as im, pytest.raises(OSError, match="model"):
        im.load()


def test_init_keeps_the_format(path: Path) -> None:
    Image.init()
    assert Image.registered_extensions()[".tadm"] == "TADM"
    assert plugin.TadmImageFile in {entry[0] for entry in Image.OPEN.values()}
    with Image.open(path, formats=["TADM"]) as im:
        assert im.format == "TADM"


def test_many_threads(path: Path) -> None:
    def run(_: int) -> bytes:
        with Image.open(path) as im:
            return im.tobytes()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(run, range(8)))) == 1


def test_parser_of_pieces(path: Path) -> None:
    """`ImageFile.Parser` gets the file in pieces."""
    parser, data = ImageFile.Parser(), path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for at in range(0, len(data), 100):
            parser.feed(data[at : at + 100])
    assert parser.close().size == (200, 136)
