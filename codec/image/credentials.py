"""C2PA manifests ("content credentials"): what `codec.image.provenance` says, signed with the user's certificate."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import IO, Any

from PIL import Image

from codec.errors import InputError
from codec.image.provenance import COMPOSITE, ENHANCED, SOFTWARE, Mark
from codec.optional import need
from codec.version import VERSION

#: Paths of a certificate chain, the signer's own first, and of its private key; both PEM.
Signature = tuple[str | os.PathLike[str], str | os.PathLike[str]]
_MIME = {
    "PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "AVIF": "image/avif", "TIFF": "image/tiff",
}  # fmt: skip
#: A thumbnail in the manifest would be larger than many a picture.
_SETTINGS = {"builder": {"thumbnail": {"enabled": False}}}
_EXTRA, _WHAT = "c2pa", "signed pictures"


class Signer:
    """Signs finished picture files of one format."""

    def __init__(self, signature: Signature, kind: str) -> None:
        """Read certificate and key, before any picture is made.

        Args:
            signature: certificate chain and key.
            kind: Pillow's name of the format.

        Raises:
            UnsupportedError: c2pa-python is not installed.
            InputError: the format holds no manifest, or the files are no chain and key that C2PA allows.
            OSError: a file cannot be read.
        """
        self._c2pa = need("c2pa", _EXTRA, _WHAT)
        if kind not in _MIME:
            raise InputError(f"{kind} holds no signed manifest; write one of {', '.join(_MIME)}")
        self._mime = _MIME[kind]
        certificate, key = (Path(path).read_bytes() for path in signature)
        try:
            info = self._c2pa.C2paSignerInfo(_algorithm(key, signature[1]), certificate, key, None)
            self._signer = self._c2pa.Signer.from_info(info)
        except self._c2pa.C2paError as exc:
            raise InputError(f"{signature[0]}, {signature[1]}: cannot sign with these ({exc})") from exc
        self._try(signature)

    def _try(self, signature: Signature) -> None:
        """Sign a pixel: whether a certificate will do shows only then."""
        pixel = io.BytesIO()
        Image.new("RGB", (1, 1)).save(pixel, "PNG")
        try:
            self._signed(pixel, io.BytesIO(), Mark(generated=False, realism=0, model=""), "image/png")
        except self._c2pa.C2paError as exc:
            raise InputError(f"{signature[0]}: cannot sign with this certificate ({exc})") from exc

    def sign(self, source: IO[bytes], target: IO[bytes], mark: Mark) -> None:
        """Copy a picture with a manifest in it.

        Args:
            source: the picture file, seekable.
            target: where the signed one goes.
            mark: what the manifest says of its making.

        Raises:
            InputError: the certificate is none that C2PA allows, or this picture cannot be signed.
        """
        try:
            self._signed(source, target, mark, self._mime)
        except self._c2pa.C2paError as exc:
            raise InputError(f"the picture cannot be signed ({exc})") from exc

    def _signed(self, source: IO[bytes], target: IO[bytes], mark: Mark, mime: str) -> None:
        source.seek(0)
        with (
            self._c2pa.Context.from_dict(_SETTINGS) as context,
            self._c2pa.Builder(json.dumps(_manifest(mark)), context=context) as builder,
        ):
            builder.sign(self._signer, mime, source, target)


def _manifest(mark: Mark) -> dict[str, Any]:
    """The claim: made by this software; texture by a network only where that is so. C2PA wants a source type of every
    picture: one without generated texture is called algorithmically enhanced, which says that nothing was composed.
    """
    about = {"model": mark.model, "realism": mark.realism, "generated_texture": mark.generated}
    action = {
        "action": "c2pa.created",
        "digitalSourceType": COMPOSITE if mark.generated else ENHANCED,
        "softwareAgent": {"name": SOFTWARE, "version": VERSION},
        "parameters": {SOFTWARE: about},
    }
    return {
        "claim_generator_info": [{"name": SOFTWARE, "version": VERSION}],
        "title": "decoded picture",
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
    }


def _algorithm(key: bytes, name: str | os.PathLike[str]) -> bytes:
    """C2PA's name of the signature algorithm that a private key is for.

    Raises:
        InputError: not a PEM key without a password, or of a kind that C2PA does not have.
    """
    keys = need("cryptography.hazmat.primitives.serialization", _EXTRA, _WHAT)
    kinds = need("cryptography.hazmat.primitives.asymmetric", _EXTRA, _WHAT)
    from importlib import import_module

    ec, ed25519, rsa = (import_module(f"{kinds.__name__}.{m}") for m in ("ec", "ed25519", "rsa"))
    try:
        private = keys.load_pem_private_key(key, password=None)
    except (ValueError, TypeError) as exc:
        raise InputError(f"{name}: not a private key in PEM without a password ({exc})") from exc
    if isinstance(private, ec.EllipticCurvePrivateKey):
        by_curve = {"secp256r1": b"es256", "secp384r1": b"es384", "secp521r1": b"es512"}
        if private.curve.name in by_curve:
            return by_curve[private.curve.name]
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return b"ed25519"
    if isinstance(private, rsa.RSAPrivateKey):
        return b"ps256"
    raise InputError(f"{name}: C2PA signs with keys on the curves P-256, P-384 and P-521, Ed25519 and RSA")
