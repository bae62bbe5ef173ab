/** The visitor's language and colours, stored in this browser. */

import { type Language, firstLanguage, loadWords, read, store } from "./language";
import type { Words } from "./words";

export type { Language };
type Theme = "auto" | "light" | "dark";
const THEMES: Theme[] = ["auto", "light", "dark"];

class Settings {
  language = $state<Language>(firstLanguage());
  theme = $state<Theme>(THEMES.find((theme) => theme === read("theme")) ?? "auto");
  /** Set before the page is shown; see start.ts. */
  words = $state.raw({} as Words);
  locale = $derived(this.language === "zh" ? "zh-CN" : "en");

  constructor() {
    this.#show();
  }

  async switchLanguage(): Promise<void> {
    const next: Language = this.language === "en" ? "zh" : "en";
    this.words = await loadWords(next);
    this.language = next;
    store("language", this.language);
    this.#show();
  }

  switchTheme(): void {
    this.theme = THEMES[(THEMES.indexOf(this.theme) + 1) % THEMES.length] ?? "auto";
    store("theme", this.theme);
    this.#show();
  }

  #show(): void {
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

  /** A difference: a number with its sign, e.g. "−0.0021". */
  signed(value: number, digits = 4): string {
    const text = new Intl.NumberFormat(this.locale, {
      signDisplay: "always",
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    }).format(value);
    return text.replace("-", "−");
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
