"""Decoding in another process: the bench's side of `bench.worker`."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from bench.codecs.base import CodecOptions, Expected
from bench.environment import child_environment, python_command
from bench.errors import CodecError
from bench.photos import PixelArray

_TIMEOUT = 3600.0


@dataclass(frozen=True)
class Read:
    """What came back from the other process.

    Attributes:
        pixels: uint8 [H, W, 3].
        seconds: that decoding took there, without reading the file and writing pixels.
        bytes: size of the file as that process read it.
        timesteps: rows of timesteps a tile, where the codec has any.
    """

    pixels: PixelArray
    seconds: float
    bytes: int
    timesteps: list[list[float]] | None


class Decoder:
    """Decodes files in a process of its own, which is started when first needed and again when it has died.

    `scratch` is a folder of this decoder alone; it is removed at the end.
    """

    def __init__(self, options: CodecOptions, threads: int, scratch: Path, timeout: float = _TIMEOUT) -> None:
        self._options, self._threads, self._scratch, self._timeout = options, threads, scratch, timeout
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Decoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def decode(self, spec: str, file: Path, expected: Expected) -> Read:
        """Picture of a file on disk.

        Args:
            spec: name of the codec.
            file: what it wrote.
            expected: name and HR size.

        Raises:
            CodecError: the other process could not decode it, died, or took too long.
        """
        self._scratch.mkdir(parents=True, exist_ok=True)
        out = self._scratch.absolute() / "pixels.npy"
        out.unlink(missing_ok=True)
        reply = self._ask({
            "codec": spec, "options": asdict(self._options), "file": str(file.absolute()), "out": str(out),
            "name": expected.name, "width": expected.width, "height": expected.height,
        })  # fmt: skip
        if "error" in reply:
            raise CodecError(reply["error"])
        return Read(np.load(out), reply["seconds"], reply["bytes"], reply["timesteps"])

    def close(self) -> None:
        """End the process and remove what it wrote."""
        self._end()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _end(self) -> None:
        """Let the process finish by closing its input; kill it if it does not."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        with _killed_after(process, self._timeout):
            try:
                process.stdin.write(json.dumps(request) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except OSError:
                line = ""
        if not line:
            code = process.wait()
            self._end()
            raise CodecError(f"{request['codec']}: the decoding process ended with {code}")
        reply: dict[str, Any] = json.loads(line)
        return reply

    def _running(self) -> subprocess.Popen[str]:
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._process is None:
            self._process = subprocess.Popen(
                python_command("bench.worker"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                env=child_environment(self._threads),
            )  # fmt: skip
        return self._process


@contextlib.contextmanager
def _killed_after(process: subprocess.Popen[str], seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, process.kill)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
