"""VVC intra through Fraunhofer's vvencapp and vvdecapp, where both are on the PATH."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from bench.codecs.base import Codec, Decoded, Expected
from bench.errors import CodecError, MissingError
from bench.photos import Photo, PixelArray

_TIMEOUT = 3600
_QP_MAX = 63


class Vvc(Codec):
    """One intra frame, preset medium, 8-bit 4:2:0, BT.601 full range; the rate is that of the bare bitstream.

    The setting counts from coarse to fine as everywhere in the bench: QP = 63 - setting.
    """

    name = "vvc"
    title = "VVC"
    family = "vvc"
    suffix = ".266"
    settings = tuple(range(_QP_MAX + 1))
    setting_name = "63 - QP"

    def __init__(self) -> None:
        missing = [tool for tool in ("vvencapp", "vvdecapp") if shutil.which(tool) is None]
        if missing:
            where = "build github.com/fraunhoferhhi/vvenc and vvdec, put their bin folders on the PATH"
            raise MissingError(f"vvc: {' and '.join(missing)} not found; {where}")

    def version(self) -> str:
        said = subprocess.run(["vvencapp", "--version"], capture_output=True, text=True, check=False, timeout=30).stdout
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        return f"vvencapp {lines[0] if lines else 'of unknown version'}"

    def encode(self, photo: Photo, setting: int) -> bytes:
        with tempfile.TemporaryDirectory(prefix="bench-vvc-") as folder:
            source, target = Path(folder, "in.yuv"), Path(folder, "out.266")
            planes = to_yuv420(photo.pixels)
            source.write_bytes(b"".join(p.tobytes() for p in planes))
            height, width = planes[0].shape
            _run(
                "vvencapp", "-i", str(source), "-s", f"{width}x{height}", "-c", "yuv420", "-r", "1", "-f", "1",
                "--preset", "medium", "-q", str(_QP_MAX - setting), "-o", str(target),
            )  # fmt: skip
            return target.read_bytes()

    def decode(self, data: bytes, expected: Expected) -> Decoded:
        with tempfile.TemporaryDirectory(prefix="bench-vvc-") as folder:
            source, target = Path(folder, "in.266"), Path(folder, "out.yuv")
            source.write_bytes(data)
            _run("vvdecapp", "-b", str(source), "-o", str(target))
            return Decoded(from_yuv420(target.read_bytes(), expected.width, expected.height))


def to_yuv420(pixels: PixelArray) -> tuple[PixelArray, PixelArray, PixelArray]:
    """RGB -> planes Y, U, V in uint8, chroma at half size by 2x2 means; odd sides are extended by one pixel."""
    height, width = pixels.shape[:2]
    even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    y, u, v = Image.fromarray(even).convert("YCbCr").split()
    half = (even.shape[1] // 2, even.shape[0] // 2)
    small = [np.array(p.resize(half, Image.Resampling.BOX)) for p in (u, v)]
    return np.array(y), small[0], small[1]


def from_yuv420(raw: bytes, width: int, height: int) -> PixelArray:
    """Planes as vvdecapp writes them (8 bit, or 10 bit in two little-endian bytes) -> uint8 [height, width, 3].

    Raises:
        CodecError: the size is neither.
    """
    full, half = (height + height % 2, width + width % 2), ((height + 1) // 2, (width + 1) // 2)
    sizes = [full[0] * full[1], half[0] * half[1], half[0] * half[1]]
    planes: npt.NDArray[np.uint8]
    if len(raw) == sum(sizes):
        planes = np.frombuffer(raw, np.uint8)
    elif len(raw) == 2 * sum(sizes):
        planes = np.clip((np.frombuffer(raw, "<u2") + 2) // 4, 0, 255).astype(np.uint8)
    else:
        raise CodecError(f"vvc: decoder wrote {len(raw)} bytes, expected {sum(sizes)} or {2 * sum(sizes)}")
    y, u, v = np.split(planes, np.cumsum(sizes)[:2])
    bands = [Image.fromarray(y.reshape(full))]
    bands += [Image.fromarray(p.reshape(half)).resize(full[::-1], Image.Resampling.BICUBIC) for p in (u, v)]
    rgb = np.array(Image.merge("YCbCr", bands).convert("RGB"))
    return np.ascontiguousarray(rgb[:height, :width])


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT)
    except subprocess.TimeoutExpired as exc:
        raise CodecError(f"vvc: {command[0]} took more than {_TIMEOUT} s") from exc
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise CodecError(f"vvc: {command[0]} ended with {done.returncode} ({' '.join(last)})")
