import { readdirSync } from "node:fs";
import { basename } from "node:path";

const files = readdirSync(new URL("./src", import.meta.url), { recursive: true, encoding: "utf8" });
const components = files.filter((file) => file.endsWith(".svelte")).map((file) => basename(file, ".svelte")).sort();

/** What vite, svelte-check and vitest compile components with. */
export default {
  compilerOptions: {
    runes: true,
    discloseVersion: false,
    // Its place among all names: the page has it hundreds of times, and every checkout has the same.
    cssHash: ({ name }) => `s${components.indexOf(name).toString(36)}`,
  },
};
