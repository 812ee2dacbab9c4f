/** Put the licences of what the build carries into `public/licenses.txt`. */

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const CARRIED = ["fzstd", "openseadragon"];
const here = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

const texts = CARRIED.map((name) => {
  const folder = here(`node_modules/${name}/`);
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  const { version } = JSON.parse(readFileSync(`${folder}package.json`, "utf8"));
  return `${name} ${version}\n\n${readFileSync(folder + file, "utf8").trim()}\n`;
});
mkdirSync(here("public"), { recursive: true });
writeFileSync(here("public/licenses.txt"), texts.join("\n\n"));
