"""XMP packets edited where they stand, and the mark of how a picture was made."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.image.metadata import Carried
from codec.image.provenance import COMPOSITE, IPTC, OURS, TYPES, Mark, mark_alone, marked
from codec.image.xmp import RDF, parse

DREW, NOTHING = (Mark(generated=g, realism=r, model="m") for g, r in ((True, 0.5), (False, 0.0)))
SOURCE_TYPE, GENERATED = (IPTC, "DigitalSourceType"), (OURS, "GeneratedTexture")
PHOTO = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><!-- a comment -->
 <rdf:RDF xmlns:rdf="{RDF}">
  <rdf:Description rdf:about="uuid:1" xmlns:e='{IPTC}' xmlns:dc="http://purl.org/dc/elements/1.1/"
    e:DigitalSourceType = "{TYPES}digitalCapture" dc:format='a > b'>
   <dc:creator><rdf:Seq><rdf:li>Anna &amp; Bo</rdf:li></rdf:Seq></dc:creator>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
      <?xpacket end="w"?>""".encode()
ELEMENT = PHOTO.replace(f'e:DigitalSourceType = "{TYPES}digitalCapture"'.encode(), b"").replace(
    b"<dc:creator>", f"<e:DigitalSourceType rdf:resource='{TYPES}digitalCapture'/><dc:creator>".encode()
)


def values(xmp: bytes | None) -> dict[tuple[str, str], str]:
    assert xmp is not None
    ET.fromstring(xmp.decode().partition("?>")[2] if xmp.startswith(b"<?xpacket") else xmp.decode())
    found = parse(xmp).properties
    assert len({p.name for p in found}) == len(found), "a property stands twice"
    return {p.name: p.value for p in found}


def mark(xmp: bytes | None, how: Mark = DREW) -> bytes:
    made = marked(Carried(xmp=xmp), how).xmp
    assert made is not None
    return made


def test_a_picture_without_xmp() -> None:
    said = values(mark(None))
    assert said[SOURCE_TYPE] == COMPOSITE
    assert (said[GENERATED], said[OURS, "Realism"], said[OURS, "Model"]) == ("True", "0.5", "m")
    assert said[OURS, "Software"].startswith("tadmc ")
    assert said[IPTC, "AISystemUsed"] == "tadmc"


def test_nothing_drawn_claims_nothing_more() -> None:
    assert values(mark(None, NOTHING)) == {GENERATED: "False"}


@pytest.mark.parametrize("xmp", [PHOTO, ELEMENT, PHOTO.decode().encode("utf-16"), b"\xef\xbb\xbf" + PHOTO + b"\0\0"])
def test_what_stood_there_stays(xmp: bytes) -> None:
    out = mark(xmp)
    said = values(out)
    assert said[SOURCE_TYPE] == COMPOSITE
    assert said[OURS, "OriginalDigitalSourceType"] == TYPES + "digitalCapture"
    assert b"Anna &amp; Bo" in out
    assert b"<!-- a comment -->" in out
    assert out.count(b'rdf:about="uuid:1"') == 2  # one packet describes one thing
    head, _, tail = PHOTO.partition(b"   <dc:creator>")
    assert tail.partition(b" </rdf:RDF>")[2] in out
    assert b"a > b" in out
    if xmp is PHOTO:
        assert out.startswith(head.partition(b"e:Digital")[0].rstrip())


def test_realism_0_leaves_a_photographs_source_type() -> None:
    said = values(mark(PHOTO, NOTHING))
    assert said[SOURCE_TYPE] == TYPES + "digitalCapture"
    assert said[GENERATED] == "False"


def test_marks_do_not_pile_up() -> None:
    once = mark(PHOTO)
    twice = mark(once, Mark(generated=True, realism=1, model="n"))
    assert len(twice) <= len(once)
    assert values(twice)[OURS, "Realism"] == "1"
    assert values(twice)[OURS, "OriginalDigitalSourceType"] == TYPES + "digitalCapture"
    assert values(mark(mark(PHOTO, NOTHING)))[GENERATED] == "True"


def test_drawn_texture_stays_drawn() -> None:
    """A later pass at realism 0 does not take it out of the picture."""
    once = mark(PHOTO)
    assert mark(once, NOTHING) == once


def test_a_stronger_claim_stays() -> None:
    synthetic = PHOTO.replace(b"digitalCapture", b"trainedAlgorithmicMedia")
    said = values(mark(synthetic))
    assert said[SOURCE_TYPE] == TYPES + "trainedAlgorithmicMedia"
    assert (OURS, "OriginalDigitalSourceType") not in said


def test_another_systems_name_stays() -> None:
    theirs = PHOTO.replace(b"dc:format=", b"e:AISystemUsed='Other' dc:format=")
    said = values(mark(theirs))
    assert said[IPTC, "AISystemUsed"] == "Other"
    assert (IPTC, "AISystemVersionUsed") not in said


@pytest.mark.parametrize(
    "xmp", [b"<x:xmpmeta/>", f'<rdf:RDF xmlns:rdf="{RDF}" />'.encode(), f"<r:RDF xmlns:r='{RDF}'></r:RDF>".encode()]
)
def test_empty_packets(xmp: bytes) -> None:
    made = marked(Carried(xmp=xmp), DREW)
    assert made.notes == ()
    assert values(made.xmp)[SOURCE_TYPE] == COMPOSITE


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + PHOTO


@pytest.mark.parametrize("xmp", [b"\xff\xfe\x00", b"", b"<x", b"<x/>", b"\x80\x81", PHOTO[:-90], BOMB])
def test_what_nobody_can_read_is_left_out_with_a_word(xmp: bytes) -> None:
    made = marked(Carried(xmp=xmp), DREW)
    assert len(made.notes) == 1
    assert made.notes[0].startswith("XMP left out: ")
    assert values(made.xmp)[SOURCE_TYPE] == COMPOSITE


def test_the_mark_alone() -> None:
    alone = mark_alone(mark(PHOTO))
    assert alone is not None
    assert b"Anna" not in alone
    assert {name: v for name, v in values(mark(PHOTO)).items() if name in values(alone)} == values(alone)
    assert values(alone)[SOURCE_TYPE] == COMPOSITE
    assert mark_alone(PHOTO) is None
    assert mark_alone(b"nothing") is None


@given(st.binary(max_size=60), st.integers(0, len(PHOTO)))
def test_any_bytes(extra: bytes, at: int) -> None:
    """No exception, and always a mark that can be read."""
    said = parse(mark(PHOTO[:at] + extra + PHOTO[at:]))
    assert any(p.name == GENERATED for p in said.properties)
