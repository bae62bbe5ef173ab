/** What a visitor can do with the list: its variety and order, its interests, and items that it hides. */

import { type Added, type Options, type Steer, steer } from "../address";
import type { Interest } from "../api";
import type { Diversity } from "../diversity";
import { settings } from "../settings.svelte";
import { changeOptions } from "./change";
import { nameOf } from "./names";
import { session } from "./session.svelte";
import { titleOf } from "./titles";

/** `kind` joins the steps of one slider, and keeps them apart from clicks. */
export function setDiversity(diversity: Diversity, kind = "diversity"): void {
  changeOptions({ diversity }, settings.words.varietyChanged, { kind });
}

export function setMix(mix: Options["mix"]): void {
  changeOptions({ mix }, settings.words.mixes[mix]);
}

export function setGrouped(grouped: boolean): void {
  changeOptions({ grouped }, "", { ask: false });
}

/** Give an interest more or less of the list, or none. */
export function steerInterest(interest: Interest, way: Steer): void {
  const w = settings.words;
  const before = weightOf(interest);
  const weight = steer(before, way);
  if (weight === before) return; // it is at its limit
  const text = w.steered[weight === 0 ? "muted" : way === "mute" ? "unmuted" : way](nameOf(interest));
  const at = addedIndex(interest);
  if (interest.added && at < 0) return;
  if (at >= 0) {
    const added = session.options.added.map((one, place) => (place === at ? { ...one, weight } : one));
    changeOptions({ added }, text);
    return;
  }
  const weights = new Map(session.options.weights).set(interest.number, weight);
  if (weight === 1) weights.delete(interest.number);
  changeOptions({ weights }, text);
}

export function weightOf(interest: Interest): number {
  const added = session.options.added[addedIndex(interest)];
  return added ? added.weight : (session.options.weights.get(interest.number) ?? 1);
}

/**
 * The place among the added interests, or -1. The service numbers them in the order of its
 * request, and meanwhile one of them may have been removed.
 */
function addedIndex(interest: Interest): number {
  if (!interest.added) return -1;
  const numbers = session.interests.filter(({ added }) => added).map(({ number }) => number);
  const one = session.answeredWith.added[numbers.sort((a, b) => a - b).indexOf(interest.number)];
  return session.options.added.findIndex(({ kind, value }) => kind === one?.kind && value === one.value);
}

export function addInterest(added: Omit<Added, "weight">, name: string): void {
  const same = session.options.added.some(({ kind, value }) => kind === added.kind && value === added.value);
  if (same) return;
  const all = [...session.options.added, { ...added, weight: 1 }];
  changeOptions({ added: all }, settings.words.interestAdded(name));
}

export function removeInterest(interest: Interest): void {
  const at = addedIndex(interest);
  if (at < 0) return; // the second click of a double click
  const added = session.options.added.filter((_, place) => place !== at);
  changeOptions({ added }, settings.words.removed(nameOf(interest)));
}

/** Hide an item from this list only. */
export function block(id: string, title: string): void {
  const blocked = [...session.options.blocked, id];
  changeOptions({ blocked }, settings.words.blocked(title));
}

/** Let an item be in this list again. */
export function unblock(id: string): void {
  const blocked = session.options.blocked.filter((one) => one !== id);
  changeOptions({ blocked }, settings.words.unblocked(titleOf(id)));
}
