"""Two readers, one text: a reader written from format_spec.md alone finds the same in every golden file."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from codec.container.reader import read
from codec.decoding.alpha import alpha_of
from codec.geometry import Box
from codec.lr import StoredLr

HERE = Path(__file__).parent
SPEC = importlib.util.spec_from_file_location("second_reader", HERE / "second_reader.py")
assert SPEC is not None
assert SPEC.loader is not None
SECOND = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(SECOND)


@pytest.mark.parametrize("path", sorted(HERE.glob("*.tadm")), ids=lambda p: p.stem)
def test_both_readers_agree(path: Path) -> None:
    first, second = read(path.read_bytes()), SECOND.read(path.read_bytes())
    header = first.header
    assert (second["width"], second["height"]) == (header.size.width, header.size.height)
    for name in ("grid", "coding", "scale", "quality", "model_id"):
        assert second[name] == getattr(header, name), name
    chunks = second["chunks"]
    assert chunks.get(b"tmap") == first.timesteps
    assert chunks.get(b"iccp") == first.metadata.icc
    assert chunks.get(b"exif") == first.metadata.exif
    assert chunks.get(b"xmpp") == first.metadata.xmp
    alpha = second.get("alpha")
    assert (alpha is None) == (first.alpha is None)
    ours = alpha_of(first, Box(0, 0, header.size.width, header.size.height))
    assert ours is None or np.array_equal(alpha, ours)
    assert np.array_equal(second["lr"], StoredLr(first).whole())


def test_the_second_reader_is_independent() -> None:
    text = (HERE / "second_reader.py").read_text()
    assert "import codec" not in text
    assert "from codec" not in text
