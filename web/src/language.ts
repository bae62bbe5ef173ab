/** The visitor's language, and its texts: only those of one language are loaded. */

import type { Words } from "./words";

export type Language = "en" | "zh";

/** A browser can forbid storage; the page works without it. */
export function read(name: string): string | null {
  try {
    return localStorage.getItem(`prismrec.${name}`);
  } catch {
    return null;
  }
}

export function store(name: string, value: string): void {
  try {
    localStorage.setItem(`prismrec.${name}`, value);
  } catch {
    // The choice lasts for this visit only.
  }
}

export function firstLanguage(): Language {
  const chosen = read("language") ?? navigator.language;
  return chosen.startsWith("zh") ? "zh" : "en";
}

export async function loadWords(language: Language): Promise<Words> {
  return language === "zh" ? (await import("./words.zh")).chinese : (await import("./words")).english;
}
