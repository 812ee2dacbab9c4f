import { defineConfig } from "vite";

export default defineConfig({
  base: "./", // what is built runs from any folder of any server
  worker: {
    format: "es",
    rolldownOptions: { output: { entryFileNames: "tadm-[name].js", chunkFileNames: "[name]-[hash].js" } },
  },
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    rolldownOptions: {
      input: {
        index: "index.html",
        "tadm-web": "src/index.ts",
        "tadm-img": "src/img/index.ts",
        sw: "src/page/offline.ts",
      },
      preserveEntrySignatures: "exports-only",
      output: {
        entryFileNames: "[name].js",
        chunkFileNames: "[name]-[hash].js",
        assetFileNames: "[name]-[hash][extname]",
      },
    },
  },
});
