"""Options of encoding and decoding: frozen, checked when made, with a JSON round trip."""

from __future__ import annotations

import json
import operator
import os
from dataclasses import asdict, dataclass, fields
from typing import Any, Self, SupportsFloat

from codec.codings import LOSSLESS_PAYLOADS, PAYLOADS
from codec.errors import InputError

#: HR/LR ratios that models are made for; the format has room for any of 1..255.
SCALES = (1, 2, 4, 8, 16, 32)
CHROMA = ("auto", "420", "444")
EFFORTS = ("fast", "default", "best")
STRIP = ("none", "gps", "all")
DTYPES = ("auto", "fp32", "bf16")
ENGINES = ("auto", "onnx", "openvino", "torch")
MAX_TIMESTEP = 999


@dataclass(frozen=True, kw_only=True)
class _Options:
    def to_dict(self) -> dict[str, Any]:
        """All fields by name."""
        return asdict(self)

    def to_json(self) -> str:
        """All fields as one JSON object."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Undo `to_json`.

        Raises:
            InputError: not a JSON object, an unknown field, or a value out of range.
        """
        try:
            values: Any = json.loads(text)
        except ValueError as exc:
            raise InputError(f"options: not JSON ({exc})") from exc
        if not isinstance(values, dict):
            raise InputError(f"options: a JSON {type(values).__name__}, expected an object")
        return cls.from_dict(values)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Make options from named values.

        Raises:
            InputError: an unknown field, or a value out of range.
        """
        known = [f.name for f in fields(cls)]
        for name in values:
            if name not in known:
                raise InputError(f"unknown option {name!r}; there are {', '.join(known)}")
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class EncodeOptions(_Options):
    """How to encode. None = the default, or chosen to meet `bpp` or `max_bytes`.

    Attributes:
        scale: HR/LR ratio, one that the model has; None = what its family takes by default.
        payload: how the LR is coded: "av1" (lossy); "png", "webp" or "jxl" (lossless; jxl needs its extra).
        quality: 0..99, larger is finer; only for lossy payloads.
        bpp: at most so many bits of the whole file per HR pixel; scale, payload and quality that are None are chosen.
        max_bytes: at most so many bytes of the whole file; likewise.
        effort: "fast", "default" or "best": time spent on coding the LR, and on choosing what is None: "fast" takes
            it from a table, the others rebuild some squares of the photograph at realism 0 and compare (compact
            family).
        chroma: resolution of colour in a lossy LR: "444" = full; "420" = half each way; "auto" = "420", for which the
            shipped models are trained, or whatever looks better where scale or quality are chosen.
        strip: "none" keeps ICC, EXIF and XMP; "gps" drops what can tell where the photograph was taken (EXIF's GPS
            directory and all XMP); "all" drops EXIF and XMP. The ICC profile always stays: it is the colours (one
            that is plain sRGB is what a picture without a profile has, and is never stored).
        alpha_quality: None codes an alpha channel losslessly; 0..99 lossily, larger is finer.
    """

    scale: int | None = None
    payload: str | None = None
    quality: int | None = None
    bpp: float | None = None
    max_bytes: int | None = None
    effort: str = "default"
    chroma: str = "auto"
    strip: str = "none"
    alpha_quality: int | None = None

    def __post_init__(self) -> None:
        _whole(self, "scale", "quality", "max_bytes", "alpha_quality")
        if self.scale is not None:
            _between("scale", self.scale, 1, 255)
        if self.payload is not None:
            _one_of("payload", self.payload, PAYLOADS)
        _one_of("effort", self.effort, EFFORTS)
        _one_of("chroma", self.chroma, CHROMA)
        _one_of("strip", self.strip, STRIP)
        if self.quality is not None:
            _between("quality", self.quality, 0, 99)
            if self.payload in LOSSLESS_PAYLOADS:
                raise InputError(f"quality has no meaning for the lossless payload {self.payload}")
        if self.chroma != "auto" and self.payload in LOSSLESS_PAYLOADS:
            raise InputError(f"chroma has no meaning for the lossless payload {self.payload}")
        if self.alpha_quality is not None:
            _between("alpha_quality", self.alpha_quality, 0, 99)
        _real(self, "bpp")
        if self.bpp is not None:
            _between("bpp", self.bpp, 1e-6, 24)
        if self.max_bytes is not None:
            _between("max_bytes", self.max_bytes, 1, 2**40)
        given = [n for n in ("quality", "bpp", "max_bytes") if getattr(self, n) is not None]
        if len(given) > 1:
            raise InputError(f"{given[0]} and {given[1]} exclude each other")

    @property
    def has_target(self) -> bool:
        """Whether a size is asked for instead of a quality."""
        return self.bpp is not None or self.max_bytes is not None

    @classmethod
    def profile(cls, name: str) -> EncodeOptions:
        """Named settings: "default", or "tadm" (the papers' form: scale 16, lossless PNG).

        Raises:
            InputError: no such profile.
        """
        profiles = {"default": cls(), "tadm": cls(scale=16, payload="png")}
        _one_of("profile", name, tuple(profiles))
        return profiles[name]


@dataclass(frozen=True, kw_only=True)
class DecodeOptions(_Options):
    """How to rebuild a photograph.

    Attributes:
        realism: 0..1. 0 = regression: nothing invented, no noise. 1 = full texture. None = what the model recommends.
        seed: of the specified noise, 0..2^32-1, where the model uses one.
        denoise: False shows the rescaler's own output, without the denoising step.
        fixed_timestep: one timestep for every tile instead of the predicted ones, in the range of the model's family
            (0..200 for compact and TADM); None = predict (or take the file's own map, which wins over prediction).
            For models of two passes it is that of the first.
        passes: 1 = only the first pass of a model that has two (family `tudsr`), enlarged: a quick preview. None = all;
            models of one pass take no notice.
        mark: whether the picture's XMP says that a network drew its texture, or that none did; see
            `codec.image.provenance`.
    """

    realism: float | None = None
    seed: int = 0
    denoise: bool = True
    fixed_timestep: float | None = None
    passes: int | None = None
    mark: bool = True

    def __post_init__(self) -> None:
        _whole(self, "seed", "passes")
        _real(self, "realism", "fixed_timestep")
        if self.realism is not None:
            _between("realism", self.realism, 0, 1)
        _between("seed", self.seed, 0, 2**32 - 1)
        _flag(self, "denoise")
        _flag(self, "mark")
        if self.fixed_timestep is not None:
            _between("fixed_timestep", self.fixed_timestep, 0, MAX_TIMESTEP)
        if self.passes is not None:
            _between("passes", self.passes, 1, 2)


@dataclass(frozen=True, kw_only=True)
class EngineOptions(_Options):
    """Where and with which models to run; see `codec.engine.Engine`.

    Attributes:
        device: "auto", "cpu", "cuda", "cuda:1", ...
        dtype: "auto", "fp32" or "bf16"; auto = fp32 on a CPU, bf16 on a GPU.
        max_vram: GiB of GPU memory to use at most; None = all of it. Less memory means fewer tiles at a time.
        compile: compile large networks first (family `sd21`): minutes to start, then faster.
        model: name or folder of a model package to use; None = the shipped and the added ones.
        any_model: decode with another model of the same family and scale when the file's own is not there.
        engine: what runs the networks: "onnx" (ONNX Runtime, on a CPU), "openvino" (on a CPU, an extra) or "torch"
            (an extra; GPUs, and every family but `compact`); auto = onnx on a CPU where the family can, else torch.
    """

    device: str = "auto"
    dtype: str = "auto"
    max_vram: float | None = None
    compile: bool = False
    model: str | os.PathLike[str] | None = None
    any_model: bool = False
    engine: str = "auto"

    def __post_init__(self) -> None:
        _real(self, "max_vram")
        for name in ("any_model", "compile"):
            _flag(self, name)
        if self.model is not None:
            object.__setattr__(self, "model", _path(self.model))  # kept as text
        if not isinstance(self.device, str):
            raise InputError(f"device is {self.device!r}, expected text")
        _one_of("dtype", self.dtype, DTYPES)
        _one_of("engine", self.engine, ENGINES)
        if self.max_vram is not None:
            _between("max_vram", self.max_vram, 0.1, 10_000)


@dataclass(frozen=True, kw_only=True)
class DecodeLimits(_Options):
    """The most a file may ask for, checked before anything is allocated or a model is loaded. 0 switches a limit off.

    Attributes:
        pixels: HR pixels (268 million by default, 16384 squared).
        file_bytes: size of the file.
        chunks: number of chunks.
        metadata_bytes: inflated size of one metadata chunk or control map.
        slabs: number of slabs.
    """

    pixels: int = 2**28
    file_bytes: int = 2**30
    chunks: int = 64
    metadata_bytes: int = 2**23
    slabs: int = 2**14

    def __post_init__(self) -> None:
        _whole(self, *(f.name for f in fields(self)))
        for f in fields(self):
            _between(f.name, getattr(self, f.name), 0, 2**62)


def _one_of(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if not any(type(value) is type(one) and value == one for one in allowed):
        raise InputError(f"{name} is {value!r}, expected one of {', '.join(map(str, allowed))}")


def _path(value: object) -> str:
    if not isinstance(value, str | os.PathLike):
        raise InputError(f"model is {value!r}, expected a name or a folder")
    return str(value)


def _flag(options: _Options, name: str) -> None:
    """Make the named field a plain bool, from a bool of any kind (NumPy has its own)."""
    value = getattr(options, name)
    if not (isinstance(value, bool) or type(value).__name__ in ("bool_", "bool")):
        raise InputError(f"{name} is {value!r}, expected True or False")
    object.__setattr__(options, name, bool(value))


def _whole(options: _Options, *names: str) -> None:
    """Make the named fields plain ints, from any integer type; None stays."""
    for name in names:
        value = getattr(options, name)
        if value is None:
            continue
        object.__setattr__(options, name, whole(name, value))


def whole(name: str, value: object) -> int:
    """A plain int, from any integer type.

    Raises:
        InputError: it is none.
    """
    try:
        plain = operator.index(value)  # type: ignore[arg-type] # that is what is asked
    except TypeError as exc:
        raise InputError(f"{name} is {value!r}, expected a whole number") from exc
    if isinstance(value, bool):
        raise InputError(f"{name} is {value!r}, expected a whole number")
    return plain


def _real(options: _Options, *names: str) -> None:
    """Make the named fields plain floats (ints stay), from any real type; None stays."""
    for name in names:
        value = getattr(options, name)
        if value is None or type(value) in (int, float):
            continue
        if isinstance(value, bool | str | bytes) or not isinstance(value, SupportsFloat):
            raise InputError(f"{name} is {value!r}, expected a number")
        try:
            object.__setattr__(options, name, float(value))
        except (TypeError, ValueError, OverflowError) as exc:
            raise InputError(f"{name} is {value!r}, expected a number") from exc


def _between(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise InputError(f"{name} is {value!r}, expected a number in {low:g}..{high:g}")
