/** What users, interests and settings are called on the page. */

import type { Answer, Interest } from "../api";
import { type Diversity, diversityOf } from "../diversity";
import { settings } from "../settings.svelte";
import { stepOf } from "../variety";
import { session } from "./session.svelte";

/** The owner of a history; null is the visitor. */
export function userName(user: string | null): string {
  return user === null ? settings.words.ofYou : settings.words.ofUser(user);
}

export function nameOf({ name, number }: Pick<Interest, "name" | "number">): string {
  return name || settings.words.interest(number);
}

/** The name of the interest with a number. */
export function nameOfNumber(number: number, interests: readonly Interest[] = session.interests): string {
  return nameOf(interests.find((one) => one.number === number) ?? { number, name: "" });
}

/** The name of the variety of a list, or of the setting before there is a list. */
export function nameOfVariety(setting: Diversity, list: Answer | null): string {
  const w = settings.words;
  const made = diversityOf(setting, list);
  const name = w.varieties[stepOf(made) ?? -1];
  return name ?? (made.value === setting.value ? w.varietyCustom : w.popularLeast(settings.number(made.value, 2)));
}
