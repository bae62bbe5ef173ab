/** Shows the page with the texts of a language. */

import { mount } from "svelte";
import App from "./App.svelte";
import { settings } from "./settings.svelte";
import "./style.css";
import type { Words } from "./words";

export function start(target: HTMLElement, words: Words): void {
  settings.words = words;
  mount(App, { target });
}
