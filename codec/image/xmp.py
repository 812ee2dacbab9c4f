"""XMP packets, edited where they stand: what is not taken out or put in stays as it was, byte for byte."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.parsers import expat

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
#: Namespace and name of a property.
Name = tuple[str, str]
_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)
_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
    f'<rdf:RDF xmlns:rdf="{RDF}">\n%s\n</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="w"?>'
)
_ATTRIBUTE = re.compile(rb"""\s+([^\s=/>]+)\s*=\s*("[^"]*"|'[^']*')""")
_TAG = re.compile(rb"""<(?:[^"'>]|"[^"]*"|'[^']*')*>""")


@dataclass
class Property:
    """A property of a packet.

    Attributes:
        name: namespace and name.
        value: its text, or the address that it refers to.
        span: bytes of the packet that hold it, from and up to.
    """

    name: Name
    value: str
    span: tuple[int, int]


@dataclass
class Packet:
    """A parsed packet.

    Attributes:
        data: UTF-8.
        hollow: bytes of descriptions that say nothing.
        about: what its descriptions are of, "" = the picture.
        properties: those of its top level.
        end: where a further description may stand; None = there is no place for one.
        empty: whether that place is an empty `rdf:RDF` element, `<rdf:RDF ... />`, which has to be opened first.
    """

    data: bytes
    about: str = ""
    properties: list[Property] = field(default_factory=list)
    hollow: list[tuple[int, int]] = field(default_factory=list)
    end: int | None = None
    empty: tuple[int, int] | None = None

    def without(self, doomed: Callable[[Property], bool]) -> Packet:
        """The packet without some properties."""
        kept = parse(_cut(self.data, [p.span for p in self.properties if doomed(p)]))
        return parse(_cut(kept.data, kept.hollow)) if kept.hollow else kept

    def plus(self, properties: dict[str, str], namespaces: dict[str, str]) -> bytes:
        """The packet with one more description.

        Args:
            properties: value by name with prefix: {"dc:format": "image/png"}.
            namespaces: of the prefixes.
        """
        more = description(properties, namespaces, self.about).encode()
        if self.end is not None:
            return self.data[: self.end] + more + b"\n" + self.data[self.end :]
        assert self.empty is not None  # parse says no otherwise
        start, end = self.empty
        tag = self.data[start:end]
        name = re.match(rb"<([^\s/>]+)", tag)
        assert name is not None
        opened = tag.rstrip(b">").rstrip().rstrip(b"/") + b">" + more + b"</" + name[1] + b">"
        return self.data[:start] + opened + self.data[end:]


def _quoted(value: str) -> str:
    """An attribute's value in quotes. (xml.sax.saxutils would load an HTTP client for this.)"""
    return f'"{value.translate(_ESCAPES)}"'


def description(properties: dict[str, str], namespaces: dict[str, str], about: str = "") -> str:
    """An `rdf:Description` element."""
    spaces = {"rdf": RDF} | namespaces
    parts = [f"xmlns:{prefix}={_quoted(uri)}" for prefix, uri in spaces.items()]
    parts += [f"{name}={_quoted(value)}" for name, value in properties.items()]
    return f"<rdf:Description rdf:about={_quoted(about)} {' '.join(parts)}/>"


def packet(properties: dict[str, str], namespaces: dict[str, str]) -> bytes:
    """A packet of these properties alone."""
    return (_PACKET % description(properties, namespaces)).encode()


def parse(data: bytes) -> Packet:
    """Find a packet's properties.

    Raises:
        ValueError: no XMP that can be read, and so none that can be edited.
    """
    text = _utf8(data)
    found = Packet(text)
    reader = _Reader(found)
    try:
        reader.run()
    except expat.ExpatError as exc:
        raise ValueError(f"not XML: {exc}") from exc
    if found.end is None and found.empty is None:
        raise ValueError("no RDF in it")
    return found


def _cut(data: bytes, spans: list[tuple[int, int]]) -> bytes:
    for start, end in sorted(spans, reverse=True):
        data = data[:start] + data[end:].removeprefix(b"\n")
    return data


def _utf8(data: bytes) -> bytes:
    """A packet's bytes as UTF-8, without a byte order mark or padding of zeros."""
    kind = {codecs.BOM_UTF16_BE: "utf-16", codecs.BOM_UTF16_LE: "utf-16", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
    try:
        text = data.decode(kind.get(data[:2], "utf-8-sig"))
    except UnicodeDecodeError as exc:
        raise ValueError(f"not UTF-8: {exc.reason}") from exc
    return text.rstrip("\0").encode()


class _Reader:
    """One pass over a packet; entities, which no packet needs and which can grow without bound, are refused."""

    def __init__(self, packet: Packet) -> None:
        self._packet, self._depth = packet, 0
        self._rdf: int | None = None  # depth of rdf:RDF
        self._begun: list[tuple[Name, int, str]] = []
        self._rdf_at = 0
        self._text: list[str] = []
        self._prefixes: dict[str, set[str]] = {}
        self._parser = expat.ParserCreate("utf-8", " ")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text.append
        self._parser.StartNamespaceDeclHandler = self._declared
        self._parser.StartDoctypeDeclHandler = self._doctype

    def run(self) -> None:
        self._parser.Parse(self._packet.data, True)

    def _doctype(self, *_: object) -> None:
        raise ValueError("it has a document type")

    def _declared(self, prefix: str | None, uri: str) -> None:
        self._prefixes.setdefault(uri, set()).add(prefix or "")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        at = self._parser.CurrentByteIndex
        self._depth += 1
        self._text.clear()
        if self._rdf is None:
            if _split(name) == (RDF, "RDF"):
                self._rdf, self._rdf_at = self._depth, at
        elif self._depth == self._rdf + 1:
            self._packet.about = self._packet.about or attributes.get(f"{RDF} about", attributes.get("about", ""))
            self._attributes(at, attributes)
        elif self._depth == self._rdf + 2:
            self._begun = [(_split(name), at, attributes.get(f"{RDF} resource", ""))]

    def _end(self, name: str) -> None:
        at = self._parser.CurrentByteIndex
        if self._rdf is not None and self._depth == self._rdf + 2 and self._begun:
            known, start, value = self._begun.pop()
            text = "".join(self._text).strip()
            end = self._tag(start)[1] if self._is_empty(start) else self._tag(at)[1]
            self._packet.properties.append(Property(known, value or text, (start, end)))
        if self._depth == self._rdf:
            if self._is_empty(self._rdf_at):
                self._packet.empty = self._tag(self._rdf_at)
            else:
                self._packet.end = at
            self._rdf = -1  # one is enough
        self._depth -= 1

    def _tag(self, at: int) -> tuple[int, int]:
        """Where the tag that begins at a byte begins and ends."""
        found = _TAG.match(self._packet.data, at)
        assert found is not None  # the parser has read it
        return found.span()

    def _is_empty(self, start: int) -> bool:
        """Whether an element is one tag; of such, the parser does not say where its end tag would be."""
        return self._packet.data.endswith(b"/>", 0, self._tag(start)[1])

    def _attributes(self, at: int, attributes: dict[str, str]) -> None:
        """The properties that a description has as attributes."""
        start, end = self._tag(at)
        if self._is_empty(at) and all(_split(name)[0] in ("", RDF) for name in attributes):
            self._packet.hollow.append((start, end))
        written = {m[1].decode(): m.span() for m in _ATTRIBUTE.finditer(self._packet.data, start, end)}
        for name, value in attributes.items():
            uri, local = _split(name)
            if uri in ("", RDF):
                continue
            for prefix in self._prefixes.get(uri, ()):
                span = written.get(f"{prefix}:{local}")
                if span is not None:
                    self._packet.properties.append(Property((uri, local), value, span))
                    break


def _split(name: str) -> Name:
    uri, _, local = name.rpartition(" ")
    return uri, local
