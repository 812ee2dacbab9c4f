"""What a rebuilt picture says of its making: XMP for machines, as article 50(2) of the EU's AI Act asks for.

A picture whose texture a network drew carries IPTC's `DigitalSourceType` "composite with trained algorithmic media",
and which software did it at which realism. One of realism 0 says that no texture was generated, and claims no more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from codec.image.metadata import Carried
from codec.image.xmp import Name, Packet, packet, parse
from codec.version import VERSION

TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
COMPOSITE = TYPES + "compositeWithTrainedAlgorithmicMedia"
ENHANCED = TYPES + "algorithmicallyEnhanced"
IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
OURS = "urn:x-tadmc:xmp:1.0#"
SOFTWARE = "tadmc"
_PREFIXES = {"Iptc4xmpExt": IPTC, SOFTWARE: OURS}
#: Source types that say at least as much as ours: they stay.
_STRONGER = {COMPOSITE, TYPES + "trainedAlgorithmicMedia"}
_SOURCE_TYPE = (IPTC, "DigitalSourceType")
_SYSTEM, _SYSTEM_VERSION = (IPTC, "AISystemUsed"), (IPTC, "AISystemVersionUsed")
_GENERATED = (OURS, "GeneratedTexture")


@dataclass(frozen=True, kw_only=True)
class Mark:
    """How a picture was made.

    Attributes:
        generated: whether a network drew texture that the stored LR does not hold.
        realism: of the decoder's dial.
        model: id of the model, in hexadecimal digits.
    """

    generated: bool
    realism: float
    model: str


def marked(carried: Carried, mark: Mark) -> Carried:
    """Metadata with a mark in its XMP; what stood there stays, unless nobody can read it."""
    notes = carried.notes
    xmp = carried.xmp
    try:
        found = None if xmp is None else _packet(xmp)
    except ValueError as exc:
        found, notes = None, (*notes, f"XMP left out: {exc}")
    return replace(carried, xmp=_fresh(mark) if found is None else _merged(found, mark), notes=notes)


def mark_alone(xmp: bytes) -> bytes | None:
    """A packet with nothing of a marked one but its mark, for formats that cannot hold all; None = it has no mark."""
    try:
        there = {p.name: p.value for p in parse(xmp).properties}
    except ValueError:
        return None
    kept = {name: value for name, value in there.items() if _is_ours(name, there) or name == _SOURCE_TYPE}
    if _GENERATED not in there:
        return None
    by_uri = {uri: prefix for prefix, uri in _PREFIXES.items()}
    properties = {f"{by_uri[uri]}:{name}": value for (uri, name), value in kept.items()}
    return packet(properties, _spaces(properties))


def _packet(xmp: bytes) -> Packet | None:
    """The packet, None where it holds nothing."""
    try:
        return parse(xmp)
    except ValueError:
        bare = xmp.strip(b"\0 \r\n\t\xef\xbb\xbf")
        if bare.startswith(b"<x:xmpmeta") and bare.endswith(b"/>") and bare.count(b"<") == 1:
            return None
        raise


def _fresh(mark: Mark) -> bytes:
    properties = _properties(mark, {})
    return packet(properties, _spaces(properties))


def _merged(found: Packet, mark: Mark) -> bytes:
    there = {p.name: p.value for p in found.properties}
    if not mark.generated and there.get(_GENERATED) == "True":
        return found.data  # what was drawn in an earlier life of the picture is still in it
    kept = found.without(lambda p: _is_ours(p.name, there) or (mark.generated and p.name == _SOURCE_TYPE))
    properties = _properties(mark, there)
    return kept.plus(properties, _spaces(properties))


def _properties(mark: Mark, there: dict[Name, str]) -> dict[str, str]:
    """The mark, beside properties that a packet has already."""
    if not mark.generated:
        return {f"{SOFTWARE}:GeneratedTexture": "False"}
    was = there.get(_SOURCE_TYPE, "")
    original = there.get((OURS, "OriginalDigitalSourceType"), "" if was in _STRONGER else was)
    others = there.get(_SYSTEM, SOFTWARE) != SOFTWARE  # another system's name is not taken away
    return {
        "Iptc4xmpExt:DigitalSourceType": was if was in _STRONGER else COMPOSITE,
        **({} if others else {"Iptc4xmpExt:AISystemUsed": SOFTWARE, "Iptc4xmpExt:AISystemVersionUsed": VERSION}),
        f"{SOFTWARE}:GeneratedTexture": "True",
        f"{SOFTWARE}:Software": f"{SOFTWARE} {VERSION}",
        f"{SOFTWARE}:Model": mark.model,
        f"{SOFTWARE}:Realism": f"{mark.realism:g}",
        **({f"{SOFTWARE}:OriginalDigitalSourceType": original} if original else {}),
    }


def _is_ours(name: Name, there: dict[Name, str]) -> bool:
    """Whether an earlier mark of ours put a property into a packet."""
    if name in (_SYSTEM, _SYSTEM_VERSION):
        return there.get(_SYSTEM) == SOFTWARE
    return name[0] == OURS


def _spaces(names: Iterable[str]) -> dict[str, str]:
    """The namespaces of names with prefixes."""
    return {prefix: uri for prefix, uri in _PREFIXES.items() if any(n.startswith(prefix + ":") for n in names)}
