"""Numbers of the `.tadm` container. `format_spec.md` is normative; `tools/check_spec.py` compares it with this file."""

from __future__ import annotations

from enum import IntEnum

#: First four bytes of every file. The high bit of the first catches seven-bit transfers.
MAGIC = b"\x9cTDM"
#: Newest version that this code writes. Another major version is refused, another minor version is read.
VERSION_MAJOR, VERSION_MINOR = 1, 1
#: Largest side in pixels that the format can express.
MAX_SIDE = 2**24 - 1
#: Bytes of a model id.
MODEL_ID_SIZE = 8


class GridPreset(IntEnum):
    """Tile grids known by number."""

    COMPACT_64 = 0
    LATENT_96_32 = 1
    PICTURE_TIME = 2
    PICTURE_TWICE = 3


#: Tile grid presets that came with minor version 1; a file of another preset says minor version 0.
SINCE_MINOR_1 = frozenset({GridPreset.PICTURE_TIME, GridPreset.PICTURE_TWICE})


class ChunkType:
    """Four ASCII letters. A capital first letter marks a chunk that a reader must understand (critical)."""

    SLABS = b"SLAB"
    ALPHA = b"ALPH"
    TIMESTEPS = b"tmap"
    ICC = b"iccp"
    EXIF = b"exif"
    XMP = b"xmpp"


#: Chunks that this version understands.
KNOWN_CHUNKS = frozenset(
    {ChunkType.SLABS, ChunkType.ALPHA, ChunkType.TIMESTEPS, ChunkType.ICC, ChunkType.EXIF, ChunkType.XMP}
)
#: Chunks whose body is zstd-compressed.
COMPRESSED_CHUNKS = frozenset({ChunkType.TIMESTEPS, ChunkType.ICC, ChunkType.EXIF, ChunkType.XMP})
