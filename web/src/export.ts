/** The list as files, and the request as a command. */

import type { Answer, RecommendRequest } from "./api";
import { reasonsOf } from "./reason";

/** Return a CSV cell. A spreadsheet would run a text that begins with =, +, - or @ as a formula. */
function cell(value: string | number): string {
  if (typeof value === "number") return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return `"${safe.replaceAll('"', '""')}"`;
}

/** Return the list as CSV: one line per item, after a line with the names of the columns. */
export function toCsv(answer: Answer): string {
  const names = new Map(answer.interests.map(({ number, name }) => [number, name]));
  const rows = answer.items.map((item, at) => [
    at + 1,
    item.id,
    item.title,
    item.score,
    answer.source === "popular" ? "" : item.interest,
    names.get(item.interest) ?? "",
    item.categories.join("; "),
    reasonsOf(item, answer.interests).map(({ title }) => title).join("; "),
  ]);
  const head = ["rank", "id", "title", "score", "interest", "name", "categories", "because"];
  return [head.join(","), ...rows.map((row) => row.map(cell).join(","))].join("\r\n") + "\r\n";
}

/** Return a command for a shell that makes the same request. The key is left out on purpose. */
export function toCurl(base: string, request: RecommendRequest, needsKey: boolean): string {
  const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  const lines = [`curl -sS ${quoted(new URL("./v1/recommend", base).href)}`];
  if (needsKey) lines.push(`-H "Authorization: Bearer $PRISMREC_KEY"`);
  lines.push(`-H 'Content-Type: application/json'`, `-d ${quoted(JSON.stringify(request))}`);
  return lines.join(" \\\n  ");
}

/** Save a text as a file of the browser. */
export function download(name: string, type: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
