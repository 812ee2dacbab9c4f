"""tadmc itself, through its public functions: one scale, or whatever its encoder picks, and one way to decode."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Self

import numpy as np
from PIL import AvifImagePlugin
from PIL import __version__ as pillow_version

import codec
from bench.codecs.base import Codec, CodecOptions, Decoded, Expected, fingerprint
from bench.errors import CodecError, MissingError
from bench.photos import Photo
from codec.codings import LOSSLESS_PAYLOADS, PAYLOADS, Coding
from codec.models.compact.family import COMPACT
from codec.models.engines import resolve_engine
from codec.models.family import Runtime
from codec.models.package import Package
from codec.models.store import for_encoding
from codec.payload.registry import payload_for

#: The payload that is meant when a name gives none.
DEFAULT_PAYLOAD = "av1"
_LOSSLESS = 100
#: End of the name of a codec that only makes the first of two passes.
_PREVIEW = ":p1"
_MAX_TIMESTEP = 999
#: How finely a rate is asked for where the encoder picks the scale: settings are in so many parts of a bit a pixel.
_PARTS, _LARGEST_RATE = 10_000, 1.0
_NUMBER = r"(\d+|\d*\.\d+)"
_NAME = re.compile(r"tadm/(?P<scale>\d+|auto)(-(?P<payload>\w+))?(?P<how>(:\w[\d.]*)*)")
#: What may stand behind the name: nothing, the rescaler alone, a realism, a timestep, or both.
_HOW = re.compile(
    rf"|:(?P<z>z)|:r(?P<realism>{_NUMBER})|:r(?P<both>{_NUMBER}):t(?P<and>{_NUMBER})|:t(?P<only>{_NUMBER})"
)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What the name of one of our codecs says.

    Attributes:
        scale: HR/LR ratio; None = the encoder picks scale and chroma for a rate, as it does for users.
        payload: "av1", "png", ...
        realism: 0..1; None = without denoising, the rescaler's own output.
        recommended: decode at the realism that the model recommends instead.
        timestep: one for every tile instead of the predicted ones; None = predicted.
        passes: 1 = only the first pass of a model of two; None = all.
    """

    scale: int | None
    payload: str = DEFAULT_PAYLOAD
    realism: float | None = 1.0
    recommended: bool = False
    timestep: float | None = None
    passes: int | None = None

    @classmethod
    def parse(cls, spec: str) -> Self | None:
        """From `tadm/SCALE[-PAYLOAD][:rREALISM][:tTIMESTEP][:p1]`, SCALE a number or `auto`, `:z` for the rescaler
        alone, nothing for the recommended realism; None = not such a name.
        """
        found = _NAME.fullmatch(spec)
        how = _HOW.fullmatch(found["how"].removesuffix(_PREVIEW)) if found else None
        if found is None or how is None:
            return None
        realism, timestep = how["realism"] or how["both"] or "1", how["and"] or how["only"]
        if float(realism) > 1 or float(timestep or 0) > _MAX_TIMESTEP:
            return None
        return cls(
            scale=None if found["scale"] == "auto" else int(found["scale"]),
            payload=found["payload"] or DEFAULT_PAYLOAD,
            realism=None if how["z"] else float(realism),
            recommended=found["how"] in ("", _PREVIEW),
            timestep=float(timestep) if timestep else None,
            passes=1 if found["how"].endswith(_PREVIEW) else None,
        )  # fmt: skip

    @property
    def encoder(self) -> str:
        """The part of the name that decides what is written."""
        return f"tadm/{self.scale or 'auto'}{'' if self.payload == DEFAULT_PAYLOAD else f'-{self.payload}'}"

    def __str__(self) -> str:
        preview = _PREVIEW if self.passes == 1 else ""
        if self.recommended:
            return self.encoder + preview
        decoder = "z" if self.realism is None else f"r{self.realism:g}"
        return f"{self.encoder}:{decoder}" + ("" if self.timestep is None else f":t{self.timestep:g}") + preview

    @property
    def title(self) -> str:
        """For people."""
        how = "rescaler only" if self.realism is None else f"realism {self.realism:g}"
        how = "default realism" if self.recommended else how
        fixed = "" if self.timestep is None else f", t = {self.timestep:g}"
        fixed += ", one pass" if self.passes == 1 else ""
        return f"tadmc {f'{self.scale}x' if self.scale else 'auto'} {self.payload.upper()}, {how}{fixed}"


class Tadm(Codec):
    """One `Variant`. The setting is the payload's quality; where the encoder picks the scale, it is the rate."""

    family = "tadm"
    suffix = ".tadm"

    def __init__(self, variant: Variant, options: CodecOptions) -> None:
        self.variant, self._options = variant, options
        self.name, self.title, self.scale = str(variant), variant.title, variant.scale or 1
        known = scales(options.model)
        if not known or (variant.scale is not None and variant.scale not in known):
            listed = ", ".join(map(str, known)) or "none"
            raise MissingError(
                f"{self.name}: no model for scale {variant.scale} (there is {listed}); name one with --model"
            )
        if variant.payload not in PAYLOADS:
            raise MissingError(f"{self.name}: no payload {variant.payload!r} in this tadmc, only {', '.join(PAYLOADS)}")
        payload = payload_for(Coding.labelled(variant.payload))
        try:
            payload.encode(np.zeros((8, 8, 3), np.uint8), quality=50)
        except codec.TadmError as exc:
            raise MissingError(f"{self.name}: {exc}") from exc
        self._scales = known if variant.scale is None else (variant.scale,)
        if variant.scale is None:
            self.settings, self.parts = tuple(range(1, round(_LARGEST_RATE * _PARTS) + 1)), _PARTS
        else:
            self.settings = (_LOSSLESS,) if variant.payload in LOSSLESS_PAYLOADS else tuple(range(100))

    @property
    def encode_key(self) -> str:
        """Realism and timesteps are decided by the decoder."""
        return self.variant.encoder

    def version(self) -> str:
        """Everything that moves a figure: networks of both sides, what codes the LR, and in which precision."""
        models = ", ".join(self._networks(scale) for scale in self._scales)
        recommended = ""
        if self.variant.recommended:
            package = _package(self._scales[0], self._options.model)
            recommended = f", realism {package.family.default_realism(package.config):g}"
        return (
            f"tadmc {codec.__version__}, {models}{recommended}, {_library(self.variant.payload)}, "
            f"{_precision(self._options)}"
        )

    def encode(self, photo: Photo, setting: int) -> bytes:
        options = codec.EncodeOptions(scale=self.variant.scale, payload=self.variant.payload)
        if self.parts:
            options = replace(options, bpp=setting / self.parts)
        elif setting != _LOSSLESS:
            options = replace(options, quality=setting)
        engine = _engine(replace(self._options, dtype="auto", compile=False))  # those are the decoder's
        try:
            return codec.encode(photo.pixels, options=options, engine=engine)
        except codec.TadmError as exc:
            raise CodecError(f"{self.name} at {setting}: {photo.name} cannot be encoded ({exc})") from exc

    def decode(self, data: bytes, expected: Expected) -> Decoded:
        realism = None if self.variant.recommended else self.variant.realism or 0.0
        try:
            image = codec.decode(
                data, realism=realism, denoise=self.variant.realism is not None, fixed_timestep=self.variant.timestep,
                passes=self.variant.passes, engine=_engine(self._options),
            )  # fmt: skip
        except codec.TadmError as exc:
            raise CodecError(f"{self.name}: {exc}") from exc
        timesteps = [[round(float(t), 2) for t in row] for row in image.info["timesteps"]]
        return Decoded(np.array(image.convert("RGB")), timesteps)

    def _networks(self, scale: int) -> str:
        package = _package(scale, self._options.model)
        writes = scale in package.config.get("writers", ())
        writer = f", writer {_writer_id(package.folder, scale)}" if writes else ""
        return f"model {model_id(scale, self._options.model)}{writer}"


def scales(model: str | None) -> tuple[int, ...]:
    """Scales there is a model for, in increasing order."""
    return tuple(sorted({s for package in for_encoding(model) for s in package.scales}))


def families(model: str | None) -> set[str]:
    """Families of the models there are."""
    return {package.family.name for package in for_encoding(model)}


def model_id(scale: int, model: str | None) -> str:
    """Hexadecimal id of the model that files of a scale name."""
    return _package(scale, model).model_id(scale).hex()


def _package(scale: int, model: str | None) -> Package:
    return next(package for package in for_encoding(model) if scale in package.scales)


@lru_cache
def _writer_id(folder: Path, scale: int) -> str:
    """Of the network that writes the LR, which is no part of the model id: files say nothing of it."""
    return fingerprint((folder / f"writer{scale}.safetensors").read_bytes())


def _library(payload: str) -> str:
    """What codes the LR."""
    if payload == "av1":
        return f"aom {AvifImagePlugin.get_codec_version('aom')}"
    if payload == "jxl":
        return f"pillow-jxl-plugin {metadata.version('pillow-jxl-plugin')}"
    return f"Pillow {pillow_version}"


@lru_cache(maxsize=2)
def _engine(options: CodecOptions) -> codec.Engine:
    """One for all codecs of ours with these options."""
    return codec.Engine(
        model=options.model, device=options.device, dtype=options.dtype, compile=options.compile, engine=options.engine
    )


@lru_cache
def _precision(options: CodecOptions) -> str:
    """Precision, device and software of the networks."""
    runtime = Runtime(device=options.device, dtype=options.dtype, engine=options.engine)
    if families(options.model) == {COMPACT.name}:
        engine = resolve_engine(runtime)
        if engine != "torch":
            package = {"onnx": "onnxruntime"}.get(engine, engine)
            dtype = "bfloat16" if options.dtype == "bf16" else "float32"
            return f"{dtype} on cpu, {package} {metadata.version(package)}"
    from codec.models.device import resolve_device, resolve_dtype  # loads torch, which listing codecs need not

    where = resolve_device(options.device)
    return f"{str(resolve_dtype(options.dtype, where)).removeprefix('torch.')} on {where.type}"
