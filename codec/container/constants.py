"""Numbers of the `.tadm` container. `format_spec.md` is normative; `tools/check_spec.py` compares it with this file."""

from __future__ import annotations

from enum import IntEnum

#: First four bytes of every file. The high bit of the first catches seven-bit transfers.
MAGIC = b"\x9cTDM"
#: Version written by this code. Another major version is refused, another minor version is read.
VERSION_MAJOR, VERSION_MINOR = 1, 0
#: Largest side in pixels that the format can express.
MAX_SIDE = 2**24 - 1
#: Bytes of a model id.
MODEL_ID_SIZE = 8


class GridPreset(IntEnum):
    """Tile grids known by number."""

    COMPACT_64 = 0
    LATENT_96_32 = 1


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
