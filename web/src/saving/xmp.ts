/**
 * What a saved picture says of its making, in XMP: the same properties as `codec/image/provenance.py` writes.
 *
 * A picture whose texture a network drew carries IPTC's `DigitalSourceType` "composite with trained algorithmic media"; one
 * of realism 0 says that no texture was generated, and claims no more.
 */

import type { Making } from "../decode/messages.js";

const RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/";
const COMPOSITE = `${TYPES}compositeWithTrainedAlgorithmicMedia`;
/** Source types that say at least as much: they stay. */
const STRONGER = [COMPOSITE, `${TYPES}trainedAlgorithmicMedia`];
const IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/";
const OURS = "urn:x-tadmc:xmp:1.0#";
const SYSTEM = "tadmc";
const VERSION = "0.1.0";

/** A packet with the mark, and what could not be kept, in words. */
export interface Marked {
  readonly xmp: string;
  readonly notes: readonly string[];
}

/** Put the mark into a packet, or make one of it alone. */
export function marked(xmp: Uint8Array | undefined, making: Making): Marked {
  const found = xmp === undefined ? undefined : parsed(xmp);
  if (found) return { xmp: merged(found, making), notes: [] };
  const notes = xmp === undefined ? [] : ["XMP left out: it cannot be read"];
  const document = new DOMParser().parseFromString(EMPTY, "text/xml");
  return { xmp: merged(document, making), notes };
}

const EMPTY =
  '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>' +
  `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="${RDF}"/></x:xmpmeta><?xpacket end="w"?>`;

function parsed(xmp: Uint8Array): Document | undefined {
  const document = new DOMParser().parseFromString(new TextDecoder().decode(xmp), "text/xml");
  const broken = document.getElementsByTagName("parsererror").length > 0;
  return broken || document.doctype || !rdfOf(document) ? undefined : document;
}

function rdfOf(document: Document): Element | undefined {
  return document.getElementsByTagNameNS(RDF, "RDF")[0];
}

/** A property of a packet, wherever it stands. */
interface Property {
  readonly space: string;
  readonly name: string;
  readonly value: string;
  remove(): void;
}

function propertiesOf(document: Document): Property[] {
  const out: Property[] = [];
  for (const description of [...rdfOf(document)!.children]) {
    for (const attribute of [...description.attributes]) {
      const { namespaceURI: space, localName: name, value } = attribute;
      if (space && space !== RDF && attribute.prefix !== "xmlns") {
        out.push({ space, name, value, remove: () => description.removeAttributeNode(attribute) });
      }
    }
    for (const element of [...description.children]) {
      const value = element.getAttributeNS(RDF, "resource") ?? element.textContent?.trim() ?? "";
      out.push({ space: element.namespaceURI ?? "", name: element.localName, value, remove: () => element.remove() });
    }
  }
  return out;
}

function merged(document: Document, making: Making): string {
  const all = propertiesOf(document);
  const value = (space: string, name: string): string | undefined =>
    all.find((property) => property.space === space && property.name === name)?.value;
  // what was drawn in an earlier life of the picture is still in it
  if (making.generated || value(OURS, "GeneratedTexture") !== "True") {
    const [was, system] = [value(IPTC, "DigitalSourceType") ?? "", value(IPTC, "AISystemUsed") ?? SYSTEM];
    const original = value(OURS, "OriginalDigitalSourceType") ?? (STRONGER.includes(was) ? "" : was);
    for (const property of all) {
      const named = property.space === IPTC && property.name.startsWith("AISystem") && system === SYSTEM;
      const typed = property.space === IPTC && property.name === "DigitalSourceType" && making.generated;
      if (property.space === OURS || named || typed) property.remove();
    }
    const description = document.createElementNS(RDF, "rdf:Description");
    description.setAttributeNS(RDF, "rdf:about", aboutOf(document));
    const put = (space: string, name: string, text: string): void => description.setAttributeNS(space, name, text);
    put(OURS, "tadmc:GeneratedTexture", making.generated ? "True" : "False");
    if (making.generated) {
      put(IPTC, "Iptc4xmpExt:DigitalSourceType", STRONGER.includes(was) ? was : COMPOSITE);
      if (system === SYSTEM) {
        put(IPTC, "Iptc4xmpExt:AISystemUsed", SYSTEM);
        put(IPTC, "Iptc4xmpExt:AISystemVersionUsed", VERSION);
      }
      put(OURS, "tadmc:Software", `${SYSTEM} ${VERSION} (web)`);
      put(OURS, "tadmc:Model", making.model);
      put(OURS, "tadmc:Realism", String(making.realism));
      if (original) put(OURS, "tadmc:OriginalDigitalSourceType", original);
    }
    rdfOf(document)!.append(description);
  }
  return new XMLSerializer().serializeToString(document);
}

function aboutOf(document: Document): string {
  return rdfOf(document)!.firstElementChild?.getAttributeNS(RDF, "about") ?? "";
}
