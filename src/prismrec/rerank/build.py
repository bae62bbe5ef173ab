"""Building lists: retrieve candidates, re-rank them, and check that there were enough of them.

At strength 0 the list is the top of the candidates. Otherwise, and if interests share the list,
``CANDIDATES_PER_ITEM`` candidates are retrieved per item of the list. The options of the interests
turn their scores into a relevance, which is scaled to 0…1 per user, and the re-ranker chooses.
If a list of the re-ranker ``category`` is not certified to be the best list of the whole catalog,
more candidates are retrieved, up to ``MAX_CANDIDATES``; the scale stays that of the first ones. So
are they if more could meet a target or a relevance budget better, and for another re-ranker if a
list misses items or the minimum of an interest.
"""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from prismrec.rerank.candidates import CandidateSource, Ranking, SteeredCandidates, Steering
from prismrec.rerank.category import certificate, diversify
from prismrec.rerank.frontier import Frontier, frontier
from prismrec.rerank.lists import RankedLists
from prismrec.rerank.options import Diversity, ListOptions
from prismrec.rerank.rerankers import find_reranker, rerank_each
from prismrec.rerank.shares import with_minimum
from prismrec.rerank.strength import strengths_for
from prismrec.types import RankedItems

CANDIDATES_PER_ITEM = 4
"""Candidates per item of a diverse list; enough to contain other categories."""
CANDIDATES_PER_SHARED_ITEM = 16
"""The same for a list that interests share: a small interest may have few items at the top."""
DEPTH_FACTOR = 4
"""Factor on the number of candidates if a list is not certified."""
MAX_CANDIDATES = 4_096
"""Largest number of candidates per user; a list that needs more is not certified."""


def build_lists(
    source: CandidateSource, options: ListOptions, *, category_of: Int[np.ndarray, " V"]
) -> RankedLists:
    """Build the list of each user of a batch.

    Args:
        source: Where candidates come from.
        options: Length, diversity, re-ranker and interests. ``exclude_seen``, ``filter`` and
            ``dislikes`` are not read: the source applies them.
        category_of: One category per item, by number; -1 for none.

    Raises:
        UnknownName, ConfigError: See ``find_reranker``.

    Cost: one search; for diverse or shared lists O(B M log M) more, and deeper searches for the
        users whose list is not certified.
    """
    users, k = len(source), options.k
    find_reranker(options.rerank)  # an unknown one is an error, also if it is not needed
    rows = np.arange(users)
    lists = RankedLists.empty(users, k)
    plain = Diversity.of(options.diversity).off and options.interests.neutral
    depth = k if plain else first_depth(options)
    found = source.search(rows, depth)
    best = np.arange(min(k, found.ranked.items.shape[1]))
    lists.write(rows, found.ranked, np.tile(best, (users, 1)))
    lists.plain[:], lists.certified[:] = lists.items, found.certified
    if plain:
        return lists
    search = _search_once(source)
    steering = steering_of(source, found.ranked, options, depth, lambda *of: search(*of).ranked)
    while True:
        ready = steering.depth[rows] <= depth
        now, ranked = rows[ready], found.ranked.best(np.flatnonzero(ready), depth)
        if len(now):
            candidates = steering.steered(now, Ranking(ranked, found.certified[ready]), depth)
            categories = categories_in(ranked, category_of)
            now = now[_write(lists, now, candidates, categories, options, source)]
        rows = np.sort(np.append(rows[~ready], now))
        if not len(rows) or depth >= MAX_CANDIDATES:
            return lists
        depth = min(DEPTH_FACTOR * depth, MAX_CANDIDATES)
        found = search(rows, depth)


def _search_once(source: CandidateSource) -> Callable[[NDArray[np.int64], int], Ranking]:
    """Return the search of a source that remembers what it found for the last users of a depth."""
    seen: dict[int, tuple[NDArray[np.int64], Ranking]] = {}

    def search(rows: NDArray[np.int64], depth: int) -> Ranking:
        if depth not in seen or not np.array_equal(seen[depth][0], rows):
            seen[depth] = rows, source.search(rows, depth)
        return seen[depth][1]

    return search


def _write(
    lists: RankedLists,
    rows: NDArray[np.int64],
    candidates: SteeredCandidates,
    categories: Int[np.ndarray, "R M"],
    options: ListOptions,
    source: CandidateSource,
) -> Bool[np.ndarray, " R"]:
    """Write the lists of some users; return whose list may be better with more candidates."""
    k, diversity, exact = options.k, Diversity.of(options.diversity), options.rerank == "category"
    if exact:
        strengths, chosen, certified, settled = _best(candidates, categories, k, diversity)
    else:
        strengths = np.full(len(rows), float(diversity.strength or 0))
        chosen = rerank_each(rows, candidates, options, source, strength=float(strengths[0]))
        certified = settled = np.zeros(len(rows), dtype=bool)
    if options.interests.minimum:
        changed = _apply_minimum(chosen, candidates, options.interests.minimum)
        # Without diversity, moving the most relevant items in is optimal.
        certified &= candidates.complete & (~changed | (strengths == 0))
    lists.write(rows, candidates.ranked, chosen)
    lists.strength[rows], lists.certified[rows] = strengths, certified & candidates.known
    steered = not options.interests.neutral
    lists.relevance[rows] = _relevance_kept(candidates.scaled_scores, chosen, k, steered)
    done: Bool[np.ndarray, " R"] = lists.certified[rows] & settled
    return ~done if exact else _is_short(candidates, chosen)


def first_depth(options: ListOptions) -> int:
    """Return the number of candidates to begin with."""
    shared = options.interests.mix == "shares" or any(options.interests.minimum.values())
    return (CANDIDATES_PER_SHARED_ITEM if shared else CANDIDATES_PER_ITEM) * options.k


def steering_of(
    source: CandidateSource,
    first: RankedItems,
    options: ListOptions,
    depth: int,
    search: Callable[[NDArray[np.int64], int], RankedItems],
) -> Steering:
    """Return the steering of all users of a source.

    Args:
        source: Where candidates come from.
        first: The first ``depth`` candidates of each user.
        options: Length and interests.
        depth: Number of candidates.
        search: Returns more candidates of some users. They give the scale of users whose first
            candidates mostly belong to muted interests.
    """
    scaled = CANDIDATES_PER_ITEM * options.k
    steering = Steering.of(source, first, options.interests, scaled, depth)
    while steering.few.any() and depth < MAX_CANDIDATES:
        depth = min(DEPTH_FACTOR * depth, MAX_CANDIDATES)
        rows = np.flatnonzero(steering.few)
        steering = steering.rescaled(rows, search(rows, depth), depth)
    return steering


def frontiers_of(
    source: CandidateSource, options: ListOptions, *, category_of: Int[np.ndarray, " V"]
) -> list[Frontier]:
    """Find all lists that any strength makes, per user of a batch.

    Scores have the scale of ``build_lists``, and the number of candidates is its largest. Minima of
    interests are not applied.

    Cost: one search for ``MAX_CANDIDATES`` items per user, and a ``frontier`` per user.
    """
    rows, depth = np.arange(len(source)), first_depth(options)
    deepest = max(depth, MAX_CANDIDATES)
    found = source.search(rows, deepest)
    best = found.ranked.best
    steering = steering_of(source, best(rows, depth), options, depth, best)
    candidates = steering.steered(rows, found, deepest)
    categories = categories_in(found.ranked, category_of)
    return [
        frontier(s, c, options.k) for s, c in zip(candidates.relevance, categories, strict=True)
    ]


def _best(
    candidates: SteeredCandidates,
    categories: Int[np.ndarray, "R M"],
    k: int,
    diversity: Diversity,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the strengths, the best lists, which are certified, and which strengths are settled.

    A strength is settled if more candidates would not change it. For a target or a relevance budget
    it is computed from the candidates.
    """
    found = strengths_for(diversity, candidates.relevance, categories, k)
    chosen, certified = _choose(candidates, categories, k, found.strength)
    if (found.proof == found.strength).all():
        return found.strength, chosen, certified, certified
    finite = np.isfinite(found.proof)
    proven = _choose(candidates, categories, k, np.where(finite, found.proof, 0.0))[1]
    return found.strength, chosen, certified, (proven & finite) | np.isneginf(candidates.bound)


def _choose(
    candidates: SteeredCandidates,
    categories: Int[np.ndarray, "R M"],
    k: int,
    strengths: Float[np.ndarray, " R"],
) -> tuple[Int[np.ndarray, "R k"], Bool[np.ndarray, " R"]]:
    """Return the best lists of the candidates, and which of them are certified."""
    relevance = candidates.relevance
    chosen = np.empty((len(relevance), min(k, relevance.shape[1])), dtype=np.int64)
    certified = np.empty(len(relevance), dtype=bool)
    for strength in np.unique(strengths):
        same = strengths == strength
        part = relevance[same], categories[same]
        columns = diversify(*part, k, strength=strength)
        bound = candidates.bound[same]
        certified[same] = certificate(*part, columns, bound, strength=strength)
        chosen[same] = columns
    missing = np.isneginf(np.take_along_axis(relevance, chosen, axis=1))
    return np.where(missing, -1, chosen), certified


def _is_short(
    candidates: SteeredCandidates, chosen: Int[np.ndarray, "R k"]
) -> Bool[np.ndarray, " R"]:
    """Return which lists miss items or the minimum of an interest, although there may be more."""
    short = (chosen < 0).any(axis=1) & ~np.isneginf(candidates.bound)
    is_short: Bool[np.ndarray, " R"] = short | ~candidates.complete
    return is_short


def categories_in(
    candidates: RankedItems, category_of: Int[np.ndarray, " V"]
) -> Int[np.ndarray, "R M"]:
    """Return the category of each candidate; -1 for none, and where there is no candidate."""
    return np.where(candidates.items > 0, category_of[candidates.items], -1)


def _apply_minimum(
    chosen: Int[np.ndarray, "R k"], candidates: SteeredCandidates, minimum: Mapping[int, int]
) -> Bool[np.ndarray, " R"]:
    """Apply the minima to lists, in place; return which lists were changed."""
    changed = np.zeros(len(chosen), dtype=bool)
    for row, columns in enumerate(chosen):
        present = columns[columns >= 0]
        interest = candidates.ranked.interest[row]
        new = with_minimum(present, candidates.relevance[row], interest, minimum)
        if set(new.tolist()) != set(present.tolist()):
            chosen[row, : len(new)], changed[row] = new, True
    return changed


def _relevance_kept(
    scores: Float[np.ndarray, "R M"], chosen: Int[np.ndarray, "R k"], k: int, steered: bool
) -> Float[np.ndarray, " R"]:
    """Return the sum of the scaled scores of the lists, from 0, as a share of that of the top k.

    It is that of the frontier. Items of a steered list may all be below 0, which is the lowest of
    the first candidates: then scores count from its lowest item, so that lists can be compared.
    """
    listed = np.where(chosen >= 0, np.take_along_axis(scores, chosen, axis=1), np.inf)
    low = np.minimum(listed.min(axis=1, initial=0, keepdims=True), 0) if steered else 0
    own = np.maximum(np.where(chosen >= 0, listed - low, 0).sum(axis=1), 0)
    top = scores[:, :k] - low
    whole = np.where(np.isneginf(top), 0, top).sum(axis=1)
    kept = np.full(len(own), np.nan)
    np.divide(own, whole, out=kept, where=whole > 0)
    return kept
