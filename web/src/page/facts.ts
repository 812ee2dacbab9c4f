/** What the page says of a file. */

import type { Info, Making } from "../index.js";

/** Terms and what they are, as elements of a `dl`. */
export function facts(info: Info, making?: Making): HTMLElement[] {
  const quality = info.quality === 100 ? "lossless" : `quality ${info.quality}`;
  const rows: Array<[string, string]> = [
    ["Picture", `${info.width} × ${info.height}`],
    ["Stored (LR)", `${info.lrWidth} × ${info.lrHeight}`],
    ["Scale", `1/${info.scale}`],
    ["File", `${info.bytes.toLocaleString("en")} bytes`],
    ["Bits a pixel", info.bpp.toPrecision(3)],
    ["Payload", `${info.payload}, ${quality}`],
    ["Model id", info.modelId],
    ["Tile grid", info.grid],
  ];
  if (info.slabs > 1) rows.push(["Slabs", String(info.slabs)]);
  if (info.alpha) rows.push(["Alpha", "yes"]);
  if (info.timesteps) rows.push(["Timesteps", "its own"]);
  if (info.metadata.length > 0) rows.push(["Metadata", info.metadata.join(", ").toUpperCase()]);
  if (making)
    rows.push(["Rebuilt by", making.modelName], ["Texture", making.generated ? "drawn by a network" : "not drawn"]);
  return rows.flatMap(([term, text]) => [cell("dt", term), cell("dd", text)]);
}

function cell(kind: "dt" | "dd", text: string): HTMLElement {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}
