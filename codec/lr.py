"""The LR picture where networks look at it: that of a file, decoded slab by slab where it is needed, or any other."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np

from codec.arrays import PixelArray, crop, pad, place
from codec.container.file import TadmFile
from codec.geometry import Box, Size, lr_size, moved, overlap, slab_boxes
from codec.payload.registry import payload_for

#: Decoded bytes held in memory at most, though always one slab.
_KEPT_BYTES = 2**26


class StoredLr:
    """Random access to the LR picture; may be used from several threads.

    Attributes:
        size: of the LR in pixels.
    """

    def __init__(self, file: TadmFile, *, kept_bytes: int = _KEPT_BYTES) -> None:
        """Prepare; nothing is decoded yet.

        Args:
            file: as read by `codec.container.reader.read`.
            kept_bytes: of decoded slabs held in memory.
        """
        self.size: Size = lr_size(file.header.size, file.header.scale)
        self._file, self._kept_bytes = file, kept_bytes
        self._boxes = slab_boxes(self.size, file.slab)
        self._columns = -(-self.size.width // file.slab.width)
        self._kept: OrderedDict[int, PixelArray] = OrderedDict()
        self._lock = threading.Lock()

    def crop(self, box: Box) -> PixelArray:
        """Part of the LR, uint8 [box.height, box.width, 3].

        A box may run over the right and bottom: there the picture is extended by reflection, or by replication where it
        has too few pixels. It then has to begin far enough inside to hold what is reflected.

        Raises:
            FormatError: a slab is broken.
            UnsupportedError: the payload's coding is not known, or a package that reads it is not installed.
        """
        right = min(box.x + box.width, self.size.width)
        bottom = min(box.y + box.height, self.size.height)
        inside = Box(box.x, box.y, right - box.x, bottom - box.y)
        out = np.empty((inside.height, inside.width, 3), np.uint8)
        slab = self._file.slab
        for row in range(box.y // slab.height, -(-bottom // slab.height)):
            for column in range(box.x // slab.width, -(-right // slab.width)):
                number = row * self._columns + column
                at = self._boxes[number]
                shared = overlap(at, inside)
                assert shared is not None  # these are the slabs that the box touches
                place(out, crop(self.slab(number), moved(shared, -at.x, -at.y)), shared.x - box.x, shared.y - box.y)
        return pad(out, box.y + box.height - bottom, box.x + box.width - right)

    def whole(self) -> PixelArray:
        """The LR, uint8 [h, w, 3]."""
        return self.crop(Box(0, 0, self.size.width, self.size.height))

    def slab(self, number: int) -> PixelArray:
        """One slab, uint8 [h, w, 3]; they are numbered row by row.

        Raises:
            FormatError, UnsupportedError: as `crop`.
        """
        with self._lock:
            if number in self._kept:
                self._kept.move_to_end(number)
                return self._kept[number]
        box, payload = self._boxes[number], payload_for(self._file.header.coding)
        pixels = payload.decode(self._file.payloads[number], width=box.width, height=box.height)
        with self._lock:
            self._kept[number] = pixels
            while len(self._kept) > 1 and sum(kept.nbytes for kept in self._kept.values()) > self._kept_bytes:
                self._kept.popitem(last=False)
        return pixels


class PictureLr:
    """A picture where a stored LR is expected; see `codec.models.family.Lr`."""

    def __init__(self, pixels: PixelArray) -> None:
        self._pixels = pixels

    def crop(self, box: Box) -> PixelArray:
        """Part of it, uint8 [box.height, box.width, 3]; extended by reflection at the right and bottom."""
        height, width = self._pixels.shape[:2]
        right, bottom = min(box.x + box.width, width), min(box.y + box.height, height)
        inside = crop(self._pixels, Box(box.x, box.y, right - box.x, bottom - box.y))
        return pad(inside, box.y + box.height - bottom, box.x + box.width - right)
