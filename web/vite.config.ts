import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

// `npm run dev` shows the page on top of a service that runs already: PRISMREC=http://… npm run dev
const service = process.env.PRISMREC ?? "http://127.0.0.1:8000";

/** main.ts chooses the language first; the browser loads the rest of the page meanwhile. */
const preload: Plugin = {
  name: "preload-start",
  transformIndexHtml: {
    order: "post",
    handler(_, { bundle }) {
      const chunks = Object.values(bundle ?? {}).flatMap((one) => (one.type === "chunk" ? [one] : []));
      const start = chunks.find(({ facadeModuleId }) => facadeModuleId?.endsWith("/src/start.ts"));
      if (!start) return [];
      const needed = [start, ...chunks.filter(({ fileName }) => start.imports.includes(fileName))];
      const styles = new Set(needed.flatMap((one) => [...(one.viteMetadata?.importedCss ?? [])]));
      const link = (rel: string, file: string) => ({
        tag: "link",
        attrs: { rel, crossorigin: true, href: `./${file}` },
        injectTo: "head" as const,
      });
      return [
        ...needed.map(({ fileName }) => link("modulepreload", fileName)),
        ...[...styles].map((file) => link("stylesheet", file)),
      ];
    },
  },
};

export default defineConfig({
  base: "./",
  plugins: [svelte(), preload],
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
        entryFileNames: "page-[hash:6].js",
        chunkFileNames: "page-[hash:6].js",
        assetFileNames: "page-[hash:6][extname]",
        codeSplitting: {
          // The first load is a few files, which are smaller than many: main.ts, what it needs before
          // it waits for start.ts, and all that start.ts needs.
          groups: [
            { name: "language", test: /[\\/]src[\\/]language\.ts$/, priority: 1 },
            { name: "start", test: /[\\/]src[\\/]start\.ts$/ },
          ],
        },
      },
    },
  },
});
