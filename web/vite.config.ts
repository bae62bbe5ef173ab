import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// `npm run dev` shows the page on top of a service that runs already: PRISMREC=http://… npm run dev
const service = process.env.PRISMREC ?? "http://127.0.0.1:8000";

export default defineConfig({
  base: "./",
  plugins: [svelte()],
  test: { css: true }, // a test reads the colours
  server: { proxy: { "/v1": service, "/readyz": service } },
  build: {
    outDir: fileURLToPath(new URL("../src/prismrec/service/page", import.meta.url)),
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
          entryFileNames: "page-[hash].js",
          chunkFileNames: "page-[hash].js",
          assetFileNames: "page-[hash][extname]",
        },
    },
  },
});
