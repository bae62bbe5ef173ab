/** The request of a list, from what the page shows. */

import type { Options } from "../address";
import type { RecommendRequest } from "../api";
import { requestFields } from "../diversity";
import { type HistoryEvent, idsOf } from "./history";

/** Items of a list. */
export const LENGTH = 20;

/** What a list is made from; `dislikes` are ids. */
export type ListInput = { history: HistoryEvent[]; dislikes: string[]; options: Options };

/** The fields of a request for options; those with their default are left out. */
export function optionFields({ diversity, mix, weights, added, blocked }: Options): RecommendRequest {
  const neutral = mix === "mixture" && !weights.size && !added.length;
  const interests = {
    mix,
    weights: Object.fromEntries(weights),
    minimum: {},
    added: added.map(({ kind, value, weight }) => ({ [kind]: value, weight })),
  };
  return {
    ...(diversity.unit === "strength" && diversity.value === 0 ? {} : requestFields(diversity)),
    ...(neutral ? {} : { interests }),
    ...(blocked.length ? { blocked: [...blocked] } : {}),
  };
}

/** The request of a list, as a client would send it. */
export function requestFor({ history, dislikes, options }: ListInput): RecommendRequest {
  return {
    history: idsOf(history), k: LENGTH, ...(dislikes.length ? { dislikes } : {}), ...optionFields(options),
  };
}

/** Whether two lists have the same request; their order on the page needs no other one. */
export function haveSameRequest(one: ListInput, other: ListInput): boolean {
  const fields = ({ options }: ListInput) => JSON.stringify(optionFields(options));
  return one.history === other.history && fields(one) === fields(other);
}

/** Whether two lists have the same trade-off curve: they differ at most in their diversity. */
export function haveSameCurve(one: ListInput, other: ListInput): boolean {
  const rest = ({ options: { mix, weights, added, blocked } }: ListInput) =>
    JSON.stringify([mix, [...weights], added, blocked]);
  return one.history === other.history && rest(one) === rest(other);
}
