"""Faces: is it still the same person, and do eyes, nose and mouth stand where they stood?

dlib's detector, landmarks and 128-d descriptor, with the models of the package `face-recognition-models`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from bench.judges.packages import package_file
from bench.judges.remembered import Remembered
from bench.photos import PixelArray

#: Above this descriptor distance dlib takes two faces for different people.
_STRANGER = 0.6
#: Pictures of more pixels are searched as they are, smaller ones enlarged by 2: dlib finds faces from 80 px up.
_LARGE = 1_500_000
_LEFT_EYE, _RIGHT_EYE = slice(36, 42), slice(42, 48)


class Faces:
    """Over the faces found in the original: `face` mean descriptor distance (0 = same, .6 = another person),
    `face_lost` share of them above .6, `eye` mean landmark error in distances between the eyes. Nothing where the
    original has no face.
    """

    def __init__(self) -> None:
        """Load the models.

        Raises:
            ImportError: dlib or the models are not installed.
        """
        dlib = import_module("dlib")
        files = ("shape_predictor_68_face_landmarks.dat", "shape_predictor_5_face_landmarks.dat",
                 "dlib_face_recognition_resnet_model_v1.dat")  # fmt: skip
        marks, five, network = (str(package_file("face_recognition_models", "models", name)) for name in files)
        self._find = dlib.get_frontal_face_detector()
        self._found = Remembered(self._faces)
        self._marks, self._five = dlib.shape_predictor(marks), dlib.shape_predictor(five)
        self._network = dlib.face_recognition_model_v1(network)

    def __call__(self, original: PixelArray, decoded: PixelArray) -> dict[str, float]:
        """Compare the faces of two pictures, uint8 [H, W, 3]."""
        distances, errors = [], []
        for box in self._found(original):
            shape = self._five(original, box)
            a, b = (np.array(self._network.compute_face_descriptor(p, shape, 1)) for p in (original, decoded))
            distances.append(float(np.linalg.norm(a - b)))
            before, after = (self._points(p, box) for p in (original, decoded))
            eyes = np.linalg.norm(before[_LEFT_EYE].mean(0) - before[_RIGHT_EYE].mean(0))
            errors.append(float(np.linalg.norm(before - after, axis=1).mean() / eyes))
        if not distances:
            return {}
        lost = float(np.mean([d > _STRANGER for d in distances]))
        return {"face": float(np.mean(distances)), "face_lost": lost, "eye": float(np.mean(errors))}

    def boxes(self, picture: PixelArray) -> list[tuple[int, int, int, int]]:
        """Faces of a picture: x, y, width, height."""
        return [(box.left(), box.top(), box.width(), box.height()) for box in self._found(picture)]

    def _faces(self, picture: PixelArray) -> list[Any]:
        return list(self._find(picture, 1 if picture.shape[0] * picture.shape[1] < _LARGE else 0))

    def _points(self, picture: PixelArray, box: object) -> np.ndarray:
        return np.array([(p.x, p.y) for p in self._marks(picture, box).parts()])
