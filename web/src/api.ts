/** The HTTP API (docs/http.md), typed. The page knows the service through this file alone. */

export type Reason = { id: string; title: string; weight: number };
export type Own = { id: string; title: string; score: number };

export type Interest = {
  number: number;
  name: string;
  share: number;
  x: number;
  y: number;
  items: Reason[];
  top: Own[];
};

export type Item = {
  id: string;
  title: string;
  score: number;
  interest: number;
  rank_by_score: number;
  provisional: boolean;
  categories: string[];
  because: Reason[];
  /** What the second channel says; nothing where there is none. */
  taken_after: Reason[];
};

export type Frontier = { strength: number[]; relevance: number[]; diversity: (number | null)[] };

export type Answer = {
  artifact: string;
  source: "interests" | "popular";
  unknown: string[];
  reason: "exhausted" | null;
  strength: number;
  optimal: boolean;
  diversity: number | null;
  items: Item[];
  displaced: string[];
  interests: Interest[];
  frontier: Frontier | null;
};

export type Ask = {
  history: string[];
  k: number;
  diversity?: number;
  diversity_target?: number;
  relevance_lost?: number;
  explain?: boolean;
  frontier?: boolean;
  beside?: boolean;
};

export type Described = {
  id: string;
  title: string;
  categories: string[];
  count: number;
  hidden: boolean;
  provisional: boolean;
};

export type Example = { user: string; events: number; spread: number; history: string[] };
export type Stored = { id: string; item: string; title: string; time: number; known: boolean };

export type Artifact = {
  artifact: string;
  extractor: string;
  interests: number;
  dim: number;
  items: number;
  categories: string[];
  index: { kind: string; exact: boolean; reason: string | null };
  about: Record<string, unknown>;
};

export type Plane = {
  ids: string[];
  titles: string[];
  x: number[];
  y: number[];
  category: number[];
  categories: string[];
};

export type Diagnostics = {
  k: number;
  users: number;
  active: number[];
  usage: number[];
  usage_entropy: number | null;
  effective_items: (number | null)[];
  read_items: number;
  cosine: number | null;
  overlap: number | null;
  marginal_recall: (number | null)[];
  recall: number;
  pool_recall: number;
  pool_items: number;
  distinct_lists: number;
  dead: number[];
};

export type Health = {
  diagnostics: Partial<Diagnostics> | null;
  report: Record<string, unknown> | null;
  latency: { p50: number | null; p99: number | null; requests: number };
  notes: string[];
};

/** The service said no: `kind` is one of docs/http.md's. */
export class Refused extends Error {
  constructor(
    readonly kind: string,
    readonly status: number,
    message: string,
    readonly after: number,
  ) {
    super(message);
  }
}

/** The service did not answer at all. */
export class Away extends Error {}

const TIMEOUT = 15_000;
const KEY = "prismrec.key";

export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value: string) => sessionStorage.setItem(KEY, value),
};

type Query = Record<string, string | number | string[]>;

function address(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) search.append(name, String(one));
  }
  return search.size ? `${path}?${search}` : path;
}

/** Paths are taken from where the page is, so that both may stand behind a prefix. */
async function call<T>(path: string, signal?: AbortSignal, body?: unknown): Promise<T> {
  const headers: Record<string, string> = {};
  if (key.get()) headers["Authorization"] = `Bearer ${key.get()}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const limit = AbortSignal.timeout(TIMEOUT);
  let answer: Response;
  let found: unknown;
  try {
    answer = await fetch(`.${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
      credentials: "omit",
      cache: "no-store",
    });
    found = await answer.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Away();
  }
  if (answer.ok) return found as T;
  const said = (found as { error?: { kind?: string; message?: string } })?.error ?? {};
  const after = Number(answer.headers.get("Retry-After") ?? 1) || 1;
  throw new Refused(said.kind ?? "internal", answer.status, said.message ?? "", after);
}

/** Ids that fit one address: a GET names at most so many items. */
const NAMED = 40;

export const api = {
  recommend: (ask: Ask, signal?: AbortSignal) => call<Answer>("/v1/recommend", signal, ask),
  batch: (requests: Ask[], signal?: AbortSignal) =>
    call<{ answers: Answer[] }>("/v1/recommend/batch", signal, { requests }),
  examples: (query: Query, signal?: AbortSignal) =>
    call<{ users: Example[] }>(address("/v1/examples", query), signal),
  stored: (user: string, signal?: AbortSignal) =>
    call<{ events: Stored[] }>(`/v1/users/${encodeURIComponent(user)}/history?n=500`, signal),
  search: (text: string, limit: number, signal?: AbortSignal) =>
    call<{ items: Described[] }>(address("/v1/items", { search: text, limit }), signal),
  async described(ids: string[]): Promise<Described[]> {
    const parts: Promise<{ items: Described[] }>[] = [];
    for (let start = 0; start < ids.length; start += NAMED) {
      const id = ids.slice(start, start + NAMED);
      parts.push(call(address("/v1/items", { id, limit: NAMED })));
    }
    return (await Promise.all(parts)).flatMap((part) => part.items);
  },
  artifact: () => call<Artifact & { beside: Artifact | null }>("/v1/artifact"),
  map: (limit: number) => call<Plane>(address("/v1/map", { limit })),
  health: () => call<Health>("/v1/health-report"),
};
