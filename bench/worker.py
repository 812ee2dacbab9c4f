"""The other process: takes coded files from disk, decodes them, writes pixels. It never sees an original.

One JSON object a line on standard input, one answer a line on standard output; ends when its input does.
    asks     {"codec": spec, "options": fields of CodecOptions, "file": path, "out": path of a .npy, "name": photograph,
              "width": HR width, "height": HR height}
    answers  {"seconds": s, "bytes": size of the file, "timesteps": rows or null}   or   {"error": line}
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.codecs.base import Codec, CodecOptions, Expected, check_shape
from bench.codecs.registry import make
from bench.errors import BenchError

_made: dict[tuple[str, CodecOptions], Codec] = {}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Decode one file."""
    key = (request["codec"], CodecOptions(**request["options"]))
    if key not in _made:
        _made[key] = make(*key)
    data = Path(request["file"]).read_bytes()
    expected = Expected(name=request["name"], width=request["width"], height=request["height"])
    start = time.perf_counter()
    decoded = _made[key].decode(data, expected)
    seconds = time.perf_counter() - start
    np.save(request["out"], check_shape(decoded.pixels, key[0], expected.width, expected.height))
    return {"seconds": seconds, "bytes": len(data), "timesteps": decoded.timesteps}


def main() -> None:
    """Serve until standard input ends."""
    # what a library prints must not end up among the answers
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except BenchError as exc:
            reply = {"error": str(exc)}
        except Exception as exc:  # a codec may fail in any way; the bench records it and goes on
            reply = {"error": f"{type(exc).__name__}: {exc}"}
        answers.write(json.dumps(reply) + "\n")


if __name__ == "__main__":
    main()
