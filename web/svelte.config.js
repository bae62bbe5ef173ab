/** What vite, svelte-check and vitest compile components with. */
export default {
  compilerOptions: {
    runes: true,
    // Without the file's place in it, so that every checkout builds the same bytes.
    cssHash: ({ hash, css }) => `s${hash(css)}`,
  },
};
