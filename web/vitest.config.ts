import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // a browser takes seconds to start, and pictures take seconds on a busy machine
    projects: [
      { test: { name: "unit", include: ["tests/unit/**/*.test.ts"], testTimeout: 60_000 } },
      {
        test: {
          name: "browser",
          include: ["tests/browser/**/*.test.ts"],
          testTimeout: 240_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
      {
        test: { name: "measure", include: ["tests/measure/**/*.test.ts"], testTimeout: 900_000, hookTimeout: 600_000 },
      },
    ],
  },
});
