"""The LR picture of a file, decoded slab by slab and only where it is looked at."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import numpy.typing as npt

from codec.container.model import TadmFile
from codec.geometry import Box, lr_size, slab_boxes
from codec.image.padding import pad
from codec.payload.registry import payload_named

PixelArray = npt.NDArray[np.uint8]


class LowRes:
    """Random access to the LR picture.

    Attributes:
        size: of the LR in pixels.
        decoded: numbers of the slabs decoded so far, in order, for those who count.
    """

    def __init__(self, file: TadmFile, *, keep: int = 64) -> None:
        """Prepare; nothing is decoded yet.

        Args:
            file: as read by `codec.container.reader.read`.
            keep: decoded slabs held in memory.
        """
        self.size = lr_size(file.header.size, file.header.scale)
        self.decoded: list[int] = []
        self._file = file
        self._payload = payload_named(file.header.coding.name.lower())
        self._boxes = slab_boxes(self.size, file.slab)
        self._columns = -(-self.size.width // file.slab.width)
        self._kept: OrderedDict[int, PixelArray] = OrderedDict()
        self._keep = keep

    def crop(self, box: Box) -> PixelArray:
        """Part of the LR, uint8 [box.height, box.width, 3].

        A box may run over the right and bottom: there the picture is extended by reflection, or by replication where it
        has too few pixels. It then has to begin far enough inside to hold what is reflected.

        Raises:
            FormatError: a slab is broken.
        """
        right = min(box.x + box.width, self.size.width)
        bottom = min(box.y + box.height, self.size.height)
        out = np.empty((bottom - box.y, right - box.x, 3), np.uint8)
        slab = self._file.slab
        for row in range(box.y // slab.height, -(-bottom // slab.height)):
            for column in range(box.x // slab.width, -(-right // slab.width)):
                number = row * self._columns + column
                at, pixels = self._boxes[number], self.slab(number)
                left, top = max(box.x, at.x), max(box.y, at.y)
                end_x, end_y = min(right, at.x + at.width), min(bottom, at.y + at.height)
                out[top - box.y : end_y - box.y, left - box.x : end_x - box.x] = pixels[
                    top - at.y : end_y - at.y, left - at.x : end_x - at.x
                ]
        return pad(out, box.y + box.height - bottom, box.x + box.width - right)

    def whole(self) -> PixelArray:
        """The LR, uint8 [h, w, 3]."""
        return self.crop(Box(0, 0, self.size.width, self.size.height))

    def slab(self, number: int) -> PixelArray:
        """One slab, uint8 [h, w, 3]; they are numbered row by row.

        Raises:
            FormatError: it is broken.
        """
        if number in self._kept:
            self._kept.move_to_end(number)
            return self._kept[number]
        box = self._boxes[number]
        pixels = self._payload.decode(self._file.payloads[number], width=box.width, height=box.height)
        self.decoded.append(number)
        self._kept[number] = pixels
        if len(self._kept) > self._keep:
            self._kept.popitem(last=False)
        return pixels
