/** The names that contain a text: first the text itself, then those that begin with it. */
export function matching(names: readonly string[], text: string): string[] {
  const wanted = text.toLocaleLowerCase();
  const kind = (name: string) => {
    const lower = name.toLocaleLowerCase();
    return lower === wanted ? 0 : lower.startsWith(wanted) ? 1 : lower.includes(wanted) ? 2 : 3;
  };
  const found = names.map((name) => ({ name, kind: kind(name) })).filter((one) => one.kind < 3);
  return found.sort((a, b) => a.kind - b.kind).map(({ name }) => name);
}
