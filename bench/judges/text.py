"""Text: how much of what could be read can still be read? PP-OCR, by the package rapidocr-onnxruntime."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

import numpy as np

from bench.judges.remembered import Remembered
from bench.photos import PixelArray

#: Words of the original that count: read with at least this confidence, of at least so many characters.
_SURE, _LEAST = 0.9, 3
#: A word is looked for within this share of the longer side around its place.
_NEAR = 0.05


@dataclass(frozen=True)
class _Word:
    centre: np.ndarray
    text: str
    confidence: float


class Text:
    """`text_lost`: share of the original's characters that are no longer read, 0 = none. Nothing where the original
    has no text.
    """

    def __init__(self) -> None:
        """Load the reader.

        Raises:
            ImportError: it is not installed.
        """
        module = import_module("rapidocr_onnxruntime")
        self._read = module.RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)
        self._of_original = Remembered(self._words)

    def __call__(self, original: PixelArray, decoded: PixelArray) -> dict[str, float]:
        """Compare what two pictures say, uint8 [H, W, 3]."""
        before = [w for w in self._of_original(original) if w.confidence >= _SURE and len(w.text) >= _LEAST]
        if not before:
            return {}
        after, near = self._words(decoded), _NEAR * max(original.shape[:2])
        lost = 0
        for word in before:
            found = min(after, key=lambda w: float(np.linalg.norm(w.centre - word.centre)), default=None)
            close = found is not None and np.linalg.norm(found.centre - word.centre) < near
            lost += min(len(word.text), edits(word.text, found.text if close and found is not None else ""))
        return {"text_lost": lost / sum(len(word.text) for word in before)}

    def _words(self, picture: PixelArray) -> list[_Word]:
        found, _ = self._read(np.ascontiguousarray(picture[:, :, ::-1]))  # BGR
        return [_Word(np.array(box).mean(0), text, float(confidence)) for box, text, confidence in found or []]


def edits(a: str, b: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]
