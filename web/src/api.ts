/** The HTTP API (docs/http.md). Only this file calls the service; the types are those of its OpenAPI document. */

import type { components } from "./api-types";

type Schemas = components["schemas"];

/** The service sends every field, also a field that has a default. */
type Complete<T> = T extends object ? { [Name in keyof T]-?: Complete<T[Name]> } : T;

export type Reason = Complete<Schemas["Reason"]>;
export type Interest = Complete<Schemas["Interest"]>;
export type Item = Complete<Schemas["Item"]>;
export type TradeOff = Complete<Schemas["TradeOff"]>;
export type Answer = Complete<Schemas["ServedAnswer"]>;
export type CatalogItem = Complete<Schemas["CatalogItem"]>;
export type Example = Complete<Schemas["Example"]>;
export type Start = Complete<Schemas["Start"]>;
export type HistoryItem = Complete<Schemas["HistoryItem"]>;
export type SimilarItems = Complete<Schemas["SimilarItems"]>;
type HiddenItems = Complete<Schemas["HiddenItems"]>;
export type Artifacts = Complete<Schemas["ServedArtifacts"]>;
export type CatalogMap = Complete<Schemas["CatalogMap"]>;

/** A request names only the options that differ from their defaults. */
export type RecommendRequest = Partial<Schemas["RecommendRequest"]>;

/** The numbers of `prismrec.evaluation.diagnose`; the OpenAPI document leaves them open. */
export type Diagnostics = {
  k: number;
  users: number;
  usage: number[];
  usage_entropy: number | null;
  effective_items: (number | null)[];
  cosine: number | null;
  overlap: number | null;
  marginal_recall: (number | null)[];
  recall: number;
  pool_recall: number;
  distinct_lists: number;
  largest_share: number | null;
  interests_used: number | null;
  subtopic_recall: number | null;
  active: number[];
};

export type HealthReport = Omit<Complete<Schemas["HealthReport"]>, "diagnostics"> & {
  diagnostics: Partial<Diagnostics> | null;
};

/** The service refused a request. */
export class ServiceError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly retryAfter: number,
  ) {
    super(message);
  }
}

/** The service did not answer. */
export class Unreachable extends Error {}

const TIMEOUT = 15_000;
const KEY = "prismrec.key";

export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value: string) => sessionStorage.setItem(KEY, value),
  forget: () => sessionStorage.removeItem(KEY),
  /** Keys are ASCII without spaces: a browser refuses other letters in a header. */
  isPossible: (value: string) => /^[\x21-\x7e]+$/.test(value),
};

type Query = Record<string, string | number | string[]>;

function address(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) search.append(name, String(one));
  }
  return search.size ? `${path}?${search}` : path;
}

/** Paths are relative to the page, so that a proxy can serve both below a prefix. */
async function call<T>(path: string, signal?: AbortSignal, body?: unknown): Promise<T> {
  const headers: Record<string, string> = {};
  if (!key.isPossible(key.get())) key.forget(); // fetch would throw, as if the service did not answer
  if (key.get()) headers["Authorization"] = `Bearer ${key.get()}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const limit = AbortSignal.timeout(TIMEOUT);
  let response: Response;
  let content: unknown;
  try {
    response = await fetch(`.${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
      credentials: "omit",
      cache: "no-store",
    });
    content = await response.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable();
  }
  if (response.ok) return content as T;
  const error: Partial<Schemas["ErrorDetail"]> = (content as Partial<Schemas["ErrorResponse"]>)?.error ?? {};
  const retryAfter = Number(response.headers.get("Retry-After") ?? 1) || 1;
  throw new ServiceError(response.status, error.message ?? "", retryAfter);
}

/** Whether a path can hold an id: a browser takes "." and ".." out of a path, also if they are escaped. */
export const fitsPath = (id: string) => id !== "." && id !== "..";

/** Most item ids in one request, so that its address is not too long. */
const MOST_IDS = 40;

export const api = {
  /** All that the page needs for its first list; an empty history is sent as one empty id. */
  start: (query: Query) => call<Start>(address("/v1/start", { examples: 0, ...query })),
  recommend: (request: RecommendRequest, signal?: AbortSignal) =>
    call<Answer>("/v1/recommend", signal, request),
  batch: (requests: RecommendRequest[], signal?: AbortSignal) =>
    call<{ answers: Answer[] }>("/v1/recommend/batch", signal, { requests }),
  examples: (query: Query, signal?: AbortSignal) =>
    call<{ users: Example[] }>(address("/v1/examples", query), signal),
  search: (text: string, limit: number, signal?: AbortSignal) =>
    call<{ items: CatalogItem[] }>(address("/v1/items", { search: text, limit }), signal),
  async itemsById(ids: string[]): Promise<CatalogItem[]> {
    const parts: Promise<{ items: CatalogItem[] }>[] = [];
    for (let start = 0; start < ids.length; start += MOST_IDS) {
      const id = ids.slice(start, start + MOST_IDS);
      parts.push(call(address("/v1/items", { id, limit: MOST_IDS })));
    }
    return (await Promise.all(parts)).flatMap((part) => part.items);
  },
  similar: (id: string, k: number) =>
    call<SimilarItems>(address(`/v1/items/${encodeURIComponent(id)}/similar`, { k })),
  /** Hide an item from everyone's lists, or show it again. */
  setHidden: (id: string, hidden: boolean) =>
    call<HiddenItems>(`/v1/items/${hidden ? "hide" : "unhide"}`, undefined, { items: [id] }),
  artifact: () => call<Artifacts>("/v1/artifact"),
  map: (limit: number, items: string[]) => call<CatalogMap>(address("/v1/map", { limit, items })),
  healthReport: () => call<HealthReport>("/v1/health-report"),
};
