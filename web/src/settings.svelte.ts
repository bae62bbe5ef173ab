/** The visitor's language and colours, stored in this browser. */

import { type Words, english } from "./words";

export type Language = "en" | "zh";
export type Theme = "auto" | "light" | "dark";
const THEMES: Theme[] = ["auto", "light", "dark"];
/** Chinese texts are loaded when they are needed. */
const loadChinese = async (): Promise<Words> => (await import("./words.zh")).chinese;

/** A browser can forbid storage; the page works without it. */
function read(name: string): string | null {
  try {
    return localStorage.getItem(`prismrec.${name}`);
  } catch {
    return null;
  }
}

function store(name: string, value: string): void {
  try {
    localStorage.setItem(`prismrec.${name}`, value);
  } catch {
    // The choice lasts for this visit only.
  }
}

function firstLanguage(): Language {
  const chosen = read("language") ?? navigator.language;
  return chosen.startsWith("zh") ? "zh" : "en";
}

class Settings {
  language = $state<Language>(firstLanguage());
  theme = $state<Theme>(THEMES.find((theme) => theme === read("theme")) ?? "auto");
  words = $state.raw<Words>(english);
  locale = $derived(this.language === "zh" ? "zh-CN" : "en");

  constructor() {
    this.show();
  }

  /** Load the texts of the language; the page waits for them, so that no text changes later. */
  async loadWords(): Promise<void> {
    if (this.language === "zh") this.words = await loadChinese();
  }

  async switchLanguage(): Promise<void> {
    const next: Language = this.language === "en" ? "zh" : "en";
    this.words = next === "en" ? english : await loadChinese();
    this.language = next;
    store("language", this.language);
    this.show();
  }

  switchTheme(): void {
    this.theme = THEMES[(THEMES.indexOf(this.theme) + 1) % THEMES.length] ?? "auto";
    store("theme", this.theme);
    this.show();
  }

  private show(): void {
    document.documentElement.lang = this.locale;
    document.documentElement.dataset["theme"] = this.theme;
  }

  percent(share: number, digits = 0): string {
    return new Intl.NumberFormat(this.locale, {
      style: "percent",
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    }).format(share);
  }

  number(value: number, digits = 0): string {
    return new Intl.NumberFormat(this.locale, {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    }).format(value);
  }

  /** The space after a sign of punctuation; Chinese signs contain it. */
  get gap(): string {
    return this.language === "zh" ? "" : " ";
  }

  /** A difference: a number with its sign. */
  signed(value: number, digits = 4): string {
    return new Intl.NumberFormat(this.locale, {
      signDisplay: "always",
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    }).format(value);
  }

  /** A change in percent with its sign, e.g. "−4 %". */
  change(share: number): string {
    const text = new Intl.NumberFormat(this.locale, { style: "percent", signDisplay: "exceptZero" }).format(share);
    return text.replace("-", "−");
  }

  list(parts: string[]): string {
    if (this.language === "zh") return parts.join("、");
    return new Intl.ListFormat(this.locale, { type: "conjunction" }).format(parts);
  }

  milliseconds(value: number): string {
    return `${this.number(value, value < 10 ? 1 : 0)} ms`;
  }
}

export const settings = new Settings();
export const reducedMotion = window.matchMedia("(prefers-reduced-motion: reduce)");
