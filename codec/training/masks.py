"""Where a photograph has faces and text, found beforehand: there nothing may be invented."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from codec.arrays import PixelArray
from codec.errors import InputError
from codec.optional import need

#: Side in HR pixels of one cell of a mask.
CELL = 8
#: Share of a face's or a line's own size by which it is enlarged each way: hair, chin, the ends of letters.
_AROUND = 0.2
#: Text is what is read with at least this confidence, of at least so many characters.
_SURE, _LEAST = 0.6, 2

#: uint8 [side, side, 3] -> boxes x0, y0, x1, y1 in pixels.
Detector = Callable[[PixelArray], list[tuple[float, float, float, float]]]


def find_faces(pixels: PixelArray) -> list[tuple[float, float, float, float]]:
    """Faces of a photograph from 40 px up, by dlib's detector.

    Raises:
        UnsupportedError: dlib is not installed.
    """
    return [(b.left(), b.top(), b.right(), b.bottom()) for b in _face_detector()(pixels, 1)]


def find_text(pixels: PixelArray) -> list[tuple[float, float, float, float]]:
    """Lines of text of a photograph that PP-OCR can read: its detector alone takes a fence for text.

    Raises:
        UnsupportedError: rapidocr-onnxruntime is not installed.
    """
    found, _ = _text_reader()(np.ascontiguousarray(pixels[:, :, ::-1]), use_cls=False)  # BGR
    read = [np.asarray(quad) for quad, text, sure in found or [] if float(sure) >= _SURE and len(text) >= _LEAST]
    return [(float(q[:, 0].min()), float(q[:, 1].min()), float(q[:, 0].max()), float(q[:, 1].max())) for q in read]


def mask_store(
    store: Path, detectors: tuple[Detector, ...] = (find_faces, find_text),
    on_progress: Callable[[int], None] = lambda _: None,
) -> None:  # fmt: skip
    """Write `mask_<side>.npy`, uint8 [N, side/8, side/8] of 0 and 1, beside every `hr_<side>.npy` of a crop store.

    Raises:
        InputError: there is no crop store.
        UnsupportedError: a detector's package is not installed.
    """
    paths = sorted(store.glob("hr_*.npy"))
    if not paths:
        raise InputError(f"{store}: no crop store; make one with `tadmc train prepare`")
    done = 0
    for path in paths:
        squares = np.load(path, mmap_mode="r", allow_pickle=False)
        masks = []
        for square in squares:
            pixels = np.ascontiguousarray(square)
            masks.append(mask_of([box for detector in detectors for box in detector(pixels)], pixels.shape[0]))
            done += 1
            on_progress(done)
        np.save(mask_path(path), np.stack(masks))


def mask_path(squares: Path) -> Path:
    """Where the masks of a file of squares lie."""
    return squares.with_name(squares.name.replace("hr_", "mask_"))


def mask_of(boxes: list[tuple[float, float, float, float]], side: int) -> PixelArray:
    """uint8 [side/8, side/8]: 1 in every cell that a box, a little enlarged, touches."""
    mask = np.zeros((side // CELL, side // CELL), np.uint8)
    for x0, y0, x1, y1 in boxes:
        by = _AROUND * min(x1 - x0, y1 - y0)
        top, left = (max(0, int((v - by) // CELL)) for v in (y0, x0))
        bottom, right = (int(-(-(v + by) // CELL)) for v in (y1, x1))
        mask[top:bottom, left:right] = 1
    return mask


@cache
def _face_detector() -> Any:  # noqa: ANN401 - dlib has no types
    return need("dlib", "judges", "masks of faces").get_frontal_face_detector()


@cache
def _text_reader() -> Any:  # noqa: ANN401 - rapidocr has no types
    module = need("rapidocr_onnxruntime", "judges", "masks of text")
    return module.RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)
