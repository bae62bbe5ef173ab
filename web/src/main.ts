import { mount } from "svelte";
import App from "./App.svelte";
import { settings } from "./settings.svelte";
import "./style.css";

const target = document.getElementById("page");
if (target) {
  // Without its texts the page would be empty, so it is shown in English then.
  await settings.loadWords().catch(() => {});
  mount(App, { target });
}
