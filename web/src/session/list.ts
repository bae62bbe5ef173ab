/** Asks for the list of what is shown, and shows the answer. */

import type { Options } from "../address";
import { type Answer, type Interest, ServiceError, api } from "../api";
import { changes, countChanges } from "../changes";
import { latest } from "../latest";
import { settings } from "../settings.svelte";
import { entries } from "./entries.svelte";
import { haveSameItems, idsOf } from "./history";
import { messages } from "./messages.svelte";
import { type ListInput, haveSameCurve, haveSameRequest, requestFor } from "./requests";
import { service } from "./service.svelte";
import { session } from "./session.svelte";
import { loadTitles, setTitle } from "./titles";

/** `frontier`: whether the answer has a trade-off curve. */
type Request = ListInput & { frontier: boolean };
type TimedAnswer = { answer: Answer; milliseconds: number };

/** What `session.tradeOff` belongs to. */
let described: Request | null = null;

const ask = latest<Request, TimedAnswer>(
  async (request, signal) => {
    const started = performance.now();
    const answer = await api.recommend({ ...requestFor(request), explain: true, frontier: request.frontier }, signal);
    return { answer, milliseconds: performance.now() - started };
  },
  accept,
  (error, { options }) => {
    if (isRefused(error, options)) leaveOut();
    else service.fail(error, "list", () => refresh(true));
  },
);

/** Ask for the list of what is shown; `replace` ends a request for something else. */
export function refresh(replace: boolean): void {
  session.waiting = true;
  const { history, dislikes, options } = session;
  const request = { history, dislikes, options };
  ask({ ...request, frontier: !described || !haveSameCurve(described, request) }, { replace });
}

/** Show a message, and ask for the list again: it tells which artifact answers. */
export function renew(text = ""): void {
  if (text) messages.tell(text);
  refresh(true);
}

/** Whether there may be a list without the added interests. A link must never break the page. */
export function isRefused(error: unknown, { added }: Options): boolean {
  const statuses = session.answer ? [404] : [400, 404, 422];
  return added.length > 0 && error instanceof ServiceError && statuses.includes(error.status);
}

/** Repeat the list without the added interests, which the service refuses. */
function leaveOut(): void {
  session.options = { ...session.options, added: [] };
  entries.replace();
  renew(settings.words.addedDropped);
}

/** Show an answer, say what is new in it, and ask again if it is not for what is shown. */
export function accept({ answer, milliseconds }: TimedAnswer, request: Request): void {
  const before = idsOf(session.answer?.items ?? []);
  const after = idsOf(answer.items);
  const replaced = session.answer !== null && session.answer.artifact !== answer.artifact;
  const foreign = replaced || (session.weightsFor !== null && !answer.artifact.startsWith(session.weightsFor));
  session.weightsFor = null;
  show(answer, request, replaced);
  session.changes = before.length ? changes(before, after) : new Map();
  session.milliseconds = milliseconds;
  service.problems.delete("list");
  messages.announcement = "";
  service.recover();
  if (replaced) {
    messages.tell(settings.words.newArtifact);
    void service.loadArtifact();
  }
  // Numbers of interests mean something else in another artifact.
  const without = foreign && session.options.weights.size > 0;
  if (without) {
    messages.tell(settings.words.weightsDropped);
    session.options = session.optionsWithoutWeights;
    entries.replace();
  }
  if (without || (replaced && !request.frontier)) {
    refresh(without); // the messages are read with its answer
    return;
  }
  const { entered, moved } = countChanges(before, after);
  messages.announceList(before.length ? settings.words.listChanged(entered, moved) : "");
}

function show(answer: Answer, request: Request, replaced: boolean): void {
  for (const { items } of [answer, ...answer.interests]) for (const { id, title } of items) setTitle(id, title);
  void loadTitles(answer.displaced);
  const same = !replaced && haveSameItems(request.history, session.answered);
  const earlier = same ? session.firstShares : new Map<number, number>();
  session.answer = answer;
  session.interests = inOrder(answer.interests, [...earlier.keys()]);
  session.firstShares = new Map(session.interests.map(({ number, share }) => [number, earlier.get(number) ?? share]));
  session.answered = request.history;
  session.answeredWith = request.options;
  session.waiting = !haveSameRequest(request, session);
  if (request.frontier) {
    described = request;
    session.tradeOff = answer.frontier;
  }
  if (!session.interests.some(({ number }) => number === session.selected)) session.selected = null;
}

/** Return interests in the order of earlier numbers, and then those with the largest part of the list first. */
function inOrder(interests: Interest[], earlier: number[]): Interest[] {
  const at = ({ number }: Interest) => (earlier.includes(number) ? earlier.indexOf(number) : earlier.length);
  return interests.toSorted((a, b) => at(a) - at(b) || b.share - a.share || a.number - b.number);
}
