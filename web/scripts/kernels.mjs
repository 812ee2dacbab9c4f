/**
 * Compile `kernels/kernels.ts` into `src/network/kernels.generated.ts`, as text that the worker carries with it: twice,
 * for memory of one thread and for memory that threads share.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import asc from "assemblyscript/asc";

const FOLDER = fileURLToPath(new URL("../", import.meta.url));
const SOURCE = readFileSync(`${FOLDER}kernels/kernels.ts`, "utf8");
/** Pages of 64 KiB that memory may have: all that 32-bit addresses reach. */
const MOST_PAGES = 65536;

async function compiled(...options) {
  let binary;
  const { error, stderr } = await asc.main(
    ["kernels.ts", "--outFile", "out.wasm", "-O3", "--noAssert", "--runtime", "stub", "--importMemory", ...options],
    {
      readFile: (name) => (name === "kernels.ts" ? SOURCE : null),
      writeFile: (name, contents) => {
        if (name === "out.wasm") binary = contents;
      },
      listFiles: () => [],
    },
  );
  if (error) throw new Error(`${error.message}\n${stderr}`);
  return Buffer.from(binary).toString("base64");
}

const simd = ["--enable", "simd"];
const shared = ["--enable", "threads", "--sharedMemory", "--maximumMemory", String(MOST_PAGES)];
const [one, many] = [await compiled(...simd), await compiled(...simd, ...shared)];
writeFileSync(
  `${FOLDER}src/network/kernels.generated.ts`,
  `/** Made by scripts/kernels.mjs of kernels/kernels.ts. */\nexport const ONE_THREAD = "${one}";\nexport const SHARED = "${many}";\n`,
);
