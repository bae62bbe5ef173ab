import { firstLanguage, loadWords } from "./language";

// The page and its texts are loaded at the same time.
const target = document.getElementById("page");
const [{ start }, words] = await Promise.all([import("./start"), loadWords(firstLanguage())]);
if (target) start(target, words);
