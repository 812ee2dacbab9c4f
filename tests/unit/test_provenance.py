"""Decoded pictures say how they were made, in every format; read back by other programs."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import codec
from codec.cli import main
from codec.image.provenance import COMPOSITE, IPTC, OURS
from codec.image.xmp import parse
from tests.unit.image.test_xmp import PHOTO

GENERATED, SOURCE_TYPE = (OURS, "GeneratedTexture"), (IPTC, "DigitalSourceType")
FORMATS = [".png", ".jpg", ".webp", ".avif", ".tif"]


@pytest.fixture(scope="module")
def coded(
    photo: Callable[[int, int], np.ndarray], tiny_package: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """With XMP of its own."""
    image = Image.fromarray(photo(72, 64))
    image.info["xmp"] = PHOTO
    path = tmp_path_factory.mktemp("marks") / "a.tadm"
    path.write_bytes(codec.encode(image, scale=4, quality=40, model=str(tiny_package)))
    return path


def said(path: Path) -> dict[tuple[str, str], str]:
    with Image.open(path) as image:
        return {p.name: p.value for p in parse(image.info["xmp"]).properties}


def decode(coded: Path, target: Path, model: Path, *words: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, ["decode", str(coded), str(target), "--model", str(model), *words])
    assert done.exit_code == code, done.output
    return done.stderr


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_is_marked(suffix: str, coded: Path, tiny_package: Path, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    decode(coded, path, tiny_package, "--realism", "0.7")
    found = said(path)
    assert (found[SOURCE_TYPE], found[GENERATED], found[OURS, "Realism"]) == (COMPOSITE, "True", "0.7")
    with Image.open(path) as image:
        assert b"Anna" in image.info["xmp"]
    decode(coded, path, tiny_package, "--realism", "0", "-f")
    assert said(path)[GENERATED] == "False"
    assert said(path)[SOURCE_TYPE] != COMPOSITE
    decode(coded, path, tiny_package, "--no-mark", "-f")
    with Image.open(path) as image:
        assert image.info["xmp"].rstrip(b"\0") == PHOTO


@pytest.mark.parametrize("suffix", [".png", ".tif", ".zarr"])
def test_pictures_written_row_by_row_are_marked(
    suffix: str, coded: Path, tiny_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip({".tif": "tifffile", ".zarr": "zarr"}.get(suffix, "zlib"), reason="the extra large is absent")
    monkeypatch.setattr("codec.decoding.saving.ROWS_OUT_PIXELS", 0)
    path = tmp_path / f"a{suffix}"
    decode(coded, path, tiny_package)
    if suffix == ".zarr":
        import zarr

        xmp = str(zarr.open_array(path).attrs["xmp"]).encode()
        assert {p.name: p.value for p in parse(xmp).properties}[GENERATED] == "True"
    else:
        assert said(path)[SOURCE_TYPE] == COMPOSITE


def test_pictures_in_memory(coded: Path, tiny_package: Path) -> None:
    model = str(tiny_package)
    made = codec.decode(coded, model=model).info["xmp"]
    assert {p.name: p.value for p in parse(made).properties}[SOURCE_TYPE] == COMPOSITE
    assert codec.decode(coded, model=model, mark=False).info["xmp"] == PHOTO
    assert b'GeneratedTexture="False"' in codec.decode(coded, model=model, denoise=False).info["xmp"]
    restored = codec.restore(codec.thumbnail(coded), scale=4, model=model)
    assert {p.name: p.value for p in parse(restored.info["xmp"]).properties}[SOURCE_TYPE] == COMPOSITE
    assert "xmp" not in codec.restore(codec.thumbnail(coded), scale=4, model=model, mark=False).info
    assert "xmp" not in codec.thumbnail(coded).info


def test_texture_of_an_earlier_life_stays_said(coded: Path, tiny_package: Path) -> None:
    """A rebuilt picture, coded again and decoded at realism 0, still has what was drawn into it."""
    model = str(tiny_package)
    for first, said_twice in ((1, "True"), (0, "False")):
        again = codec.encode(codec.decode(coded, realism=first, model=model), scale=4, quality=90, model=model)
        second = codec.decode(again, realism=0, model=model)
        found = {p.name: p.value for p in parse(second.info["xmp"]).properties}
        assert found[GENERATED] == said_twice
        assert (found.get(SOURCE_TYPE) == COMPOSITE) == (first == 1)


def test_a_packet_too_large_for_jpeg_leaves_its_mark(
    photo: Callable[[int, int], np.ndarray], tiny_package: Path, tmp_path: Path
) -> None:
    image = Image.fromarray(photo(64, 64))
    image.info["xmp"] = PHOTO.replace(b"Anna", b"A" * 70_000)
    data = codec.encode(image, scale=8, model=str(tiny_package))
    with codec.open(data, model=str(tiny_package)) as file:
        done = file.save(tmp_path / "a.jpg")
        assert done.notes == ("XMP left out but for the mark: JPEG cannot hold it",)
        assert said(tmp_path / "a.jpg")[SOURCE_TYPE] == COMPOSITE
        assert file.save(tmp_path / "a.bmp").notes == ("XMP left out: BMP cannot hold it",)


@pytest.mark.parametrize("suffix", FORMATS)
def test_exiftool_reads_the_marks(suffix: str, coded: Path, tiny_package: Path, tmp_path: Path) -> None:
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed")
    path = tmp_path / f"a{suffix}"
    decode(coded, path, tiny_package, "--realism", "0.7")
    out = subprocess.run(["exiftool", "-j", "-G1", str(path)], capture_output=True, check=True, timeout=60).stdout
    (tags,) = json.loads(out)
    assert tags["XMP-iptcExt:DigitalSourceType"] == COMPOSITE
    assert (tags["XMP-tadmc:Realism"], tags["XMP-tadmc:GeneratedTexture"]) == (0.7, True)
    assert tags["XMP-dc:Creator"] == "Anna & Bo"
    assert "Warning" not in " ".join(tags)


def credentials(folder: Path) -> tuple[Path, Path]:
    """A certificate chain of a test authority, and the key of its first."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, n)]) for n in ("authority", "signer")]
    made, now = [], datetime.now(UTC)
    for number, (key, name) in enumerate(zip(keys, names, strict=True)):
        authority = number == 0
        usage = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
                               "encipher_only", "decipher_only", "crl_sign"), False)  # fmt: skip
        certificate: Any = (
            x509.CertificateBuilder(names[0], name, key.public_key(), 1 + number)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(not authority, **usage | {"key_cert_sign": authority}), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key()), critical=False)
        )
        if not authority:
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            certificate = certificate.add_extension(purpose, critical=False)
        made.append(certificate.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    (folder / "chain.pem").write_bytes(made[1] + made[0])
    private = keys[1].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    return folder / "chain.pem", folder / "key.pem"


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("realism", ["0", "1"])
def test_signed(suffix: str, realism: str, coded: Path, tiny_package: Path, tmp_path: Path) -> None:
    """The library's own reader finds the manifest, bound to these bytes."""
    c2pa = pytest.importorskip("c2pa", reason="the extra c2pa is absent")
    path, (chain, key) = tmp_path / f"a{suffix}", credentials(tmp_path)
    decode(coded, path, tiny_package, "--realism", realism, "--c2pa", str(chain), str(key))
    with c2pa.Reader(path) as reader:
        assert reader.get_validation_state() == "Valid"
        assertions = {a["label"]: a["data"] for a in reader.get_active_manifest()["assertions"]}
    (action,) = assertions["c2pa.actions.v2"]["actions"]
    drawn, model = realism == "1", codec.read_info(coded).model_id
    assert action["digitalSourceType"].endswith(
        "compositeWithTrainedAlgorithmicMedia" if drawn else "algorithmicallyEnhanced"
    )
    assert action["parameters"]["tadmc"] == {"generated_texture": drawn, "model": model, "realism": float(realism)}
    assert said(path)[GENERATED] == str(drawn)
    if suffix == ".png":
        data = bytearray(path.read_bytes())
        data[data.index(b"IDAT") + 12] ^= 1
        with c2pa.Reader("image/png", io.BytesIO(bytes(data))) as reader:
            assert reader.get_validation_state() == "Invalid"


def test_what_cannot_be_signed_is_said_before_any_work(coded: Path, tiny_package: Path, tmp_path: Path) -> None:
    pytest.importorskip("c2pa", reason="the extra c2pa is absent")
    chain, key = credentials(tmp_path)
    for target, pair, word in (
        ("a.bmp", (chain, key), "BMP holds no signed manifest"),
        ("a.png", (chain, chain), "not a private key"),
        ("a.png", (key, key), "cannot sign"),
    ):
        out = decode(coded, tmp_path / target, tiny_package, "--c2pa", *map(str, pair), code=8)
        assert word in out
        assert out.count("\n") == 1
        assert not (tmp_path / target).exists()
