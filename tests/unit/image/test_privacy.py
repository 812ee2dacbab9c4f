from PIL import Image

from codec.image.privacy import exif_without_gps, xmp_without_gps


def exif_with_gps() -> bytes:
    block = Image.Exif()
    block[0x010F] = "Maker"
    block.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 0.0)})
    return block.tobytes()


def test_only_the_position_goes() -> None:
    before, after = Image.Exif(), Image.Exif()
    before.load(exif_with_gps())
    assert before.get_ifd(0x8825)[1] == "N"
    after.load(exif_without_gps(exif_with_gps()))
    assert after[0x010F] == "Maker"
    assert dict(after.get_ifd(0x8825)) == {}


def test_nothing_changes_where_there_is_no_position() -> None:
    block = Image.Exif()
    block[0x010F] = "Maker"
    assert exif_without_gps(block.tobytes()) == block.tobytes()
    assert xmp_without_gps(b"<x:xmpmeta/>") == b"<x:xmpmeta/>"


def test_an_xmp_packet_with_a_position_goes() -> None:
    assert xmp_without_gps(b'<rdf:Description exif:GPSLatitude="52,30N"/>') is None
