from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

import codec
from codec.image.metadata import carried, is_srgb, stored_exif
from tests.pictures import adobe_like, with_maker


def with_gps() -> bytes:
    block = Image.Exif()
    block.load(with_maker())
    block.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 0.0)})
    return block.tobytes()


def read(block: bytes | None) -> Image.Exif:
    exif = Image.Exif()
    exif.load(block or b"")
    return exif


def test_stored_blocks_are_bare_and_upright() -> None:
    block = read(with_maker())
    block[0x0112] = 6
    stored = stored_exif(block.tobytes())
    assert stored is not None
    assert stored[:4] in {b"MM\0*", b"II*\0"}
    assert dict(read(stored)) == {0x010F: "Maker"}
    assert stored_exif(Image.Exif().tobytes()) is None


def test_an_orientation_from_another_writer_turns_nothing() -> None:
    block = read(with_maker())
    block[0x0112] = 6
    out = carried(None, block.tobytes().removeprefix(b"Exif\0\0"), None)
    assert out.exif_for_pillow is not None
    assert out.exif_for_pillow.startswith(b"Exif\0\0")
    assert dict(read(out.exif_for_pillow)) == {0x010F: "Maker"}
    assert not out.notes


def test_what_no_parser_reads_is_left_out_with_a_word() -> None:
    out = carried(b"icc", b"no EXIF at all", b"<x/>")
    assert (out.icc, out.exif, out.xmp) == (b"icc", None, b"<x/>")
    assert out.notes[0].startswith("EXIF left out: not readable")


def test_only_the_position_goes() -> None:
    assert read(stored_exif(with_gps())).get_ifd(0x8825)[1] == "N"
    without = read(stored_exif(with_gps(), gps=False))
    assert without[0x010F] == "Maker"
    assert dict(without.get_ifd(0x8825)) == {}


def test_plain_srgb_is_recognised() -> None:
    assert is_srgb(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    assert not is_srgb(adobe_like())
    assert not is_srgb(b"no profile")


@pytest.mark.parametrize(("strip", "kept"), [("none", (True, True, True)), ("gps", (True, False, False)),
                                             ("all", (False, False, False))])  # fmt: skip
def test_strip(strip: str, kept: tuple[bool, bool, bool], tiny_package: Path) -> None:
    image = Image.fromarray(np.zeros((8, 8, 3), np.uint8))
    image.info |= {"exif": with_gps(), "xmp": b"<x:xmpmeta/>", "icc_profile": adobe_like()}
    back = codec.decode(codec.encode(image, strip=strip, model=str(tiny_package)), model=tiny_package, mark=False)
    exif = read(back.info.get("exif"))
    assert (0x010F in exif, bool(exif.get_ifd(0x8825)), "xmp" in back.info) == kept
    assert back.info["icc_profile"] == adobe_like()


def test_encoding_a_picture_does_not_change_it(tiny_package: Path) -> None:
    block = read(with_maker())
    block[0x0112] = 6
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 16, 3), dtype=np.uint8))
    image.info["exif"] = block.tobytes()
    first = codec.encode(image, model=str(tiny_package))
    assert codec.encode(image, model=str(tiny_package)) == first
    assert codec.read_info(first).width == 8
