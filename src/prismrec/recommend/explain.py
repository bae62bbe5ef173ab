"""From ranked lists to answers: names, titles, and the items of the history behind each item."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from prismrec.data import Catalog
from prismrec.numerics import position_in_group
from prismrec.recommend.filters import unknown_ids
from prismrec.recommend.results import (
    Answer,
    Interest,
    Item,
    Reason,
    SimilarItem,
    TopItem,
    TradeOff,
)
from prismrec.rerank import Frontier, RankedLists, diversity_of
from prismrec.retrieval import Query, Retriever, RuleRetriever
from prismrec.types import Interests, ListOptions

NAMES = 2
"""Categories in an interest's name."""
FOLLOWS = 2
"""Items of the history named as those that an item often follows."""
BECAUSE = 3
"""Items of the history named as the reasons of an interest."""


@dataclass(frozen=True)
class AnswerBuilder:
    """Builds the answers of a batch from its lists."""

    catalog: Catalog
    provisional: Collection[int]
    """Items that were added without training."""
    lists: RankedLists
    options: ListOptions
    rules: RuleRetriever | None
    """The rule retriever, where its reasons are wanted."""

    def answer(
        self,
        row: int,
        history: Sequence[str],
        known: NDArray[np.int64],
        interests: Sequence[Interest],
        frontier: Frontier | None,
    ) -> Answer:
        """Return one user's answer.

        Args:
            row: The user's row in the lists.
            history: Ids as they were given.
            known: The item numbers of those that the catalog holds.
            interests: The described interests; empty where no reason is wanted.
            frontier: The user's frontier, if it was asked for.
        """
        chosen = [item for item in self.lists.items[row].tolist() if item]
        kept = {0, *chosen}
        displaced = [item for item in self.lists.plain[row].tolist() if item not in kept]
        items = self._items(row, chosen, interests, known)
        best = [item.interest for item in items]
        return Answer(
            items=items,
            source="interests" if len(known) else "popular",
            unknown=tuple(name for name in history if name not in self.catalog.items),
            unknown_filter=unknown_ids(self.options.filter, self.catalog),
            reason="exhausted" if len(chosen) < self.options.k else None,
            strength=float(self.lists.strength[row]),
            certified=bool(self.lists.certified[row]),
            diversity=diversity_of(self.catalog.single_category[chosen]),
            displaced=tuple(self.catalog.items.external(displaced)),
            interests=tuple(
                replace(one, share=best.count(one.number) / max(len(best), 1)) for one in interests
            ),
            frontier=None if frontier is None else trade_off(frontier),
            options=self.options,
        )

    def _items(
        self,
        row: int,
        chosen: list[int],
        interests: Sequence[Interest],
        known: NDArray[np.int64],
    ) -> tuple[Item, ...]:
        because = {one.number: one.items[:BECAUSE] for one in interests}
        names = self.catalog.items.external(chosen)
        parts = (self.lists.scores, self.lists.interest, self.lists.rank)
        scores, best, ranks = (part[row].tolist() for part in parts)
        follows = self._often_follows(known, chosen)
        return tuple(
            Item(
                id=names[place],
                title=self.catalog.title(item),
                score=scores[place],
                interest=best[place],
                because=because.get(best[place], ()),
                rank_by_score=ranks[place] + 1,
                categories=self.catalog.categories_named(item),
                provisional=item in self.provisional,
                often_follows=follows[place],
            )
            for place, item in enumerate(chosen)
        )

    def _often_follows(
        self, history: NDArray[np.int64], chosen: list[int]
    ) -> list[tuple[Reason, ...]]:
        """Return the items of the history that each item often follows; none without rules."""
        if self.rules is None or not len(history):
            return [()] * len(chosen)
        found = []
        for numbers, shares in self.rules.reasons(history, chosen):
            first = numbers[:FOLLOWS].tolist()
            names = zip(self.catalog.items.external(first), first, shares.tolist(), strict=False)
            found.append(
                tuple(Reason(n, self.catalog.title(item), share) for n, item, share in names)
            )
        return found


def trade_off(frontier: Frontier) -> TradeOff:
    """Return a frontier with relevance as a share of the most relevant list's."""
    first = float(frontier.relevance[0]) if len(frontier.relevance) else 0.0
    diversity = (None if np.isnan(value) else value for value in frontier.diversity.tolist())
    return TradeOff(
        strength=tuple(frontier.strength.tolist()),
        relevance=tuple((frontier.relevance / (first or 1.0)).tolist()),
        diversity=tuple(diversity),
    )


def similar_items(
    catalog: Catalog, items: NDArray[np.int64], cosine: NDArray[np.floating]
) -> list[SimilarItem]:
    """Return items near another one, with their titles, in their order."""
    numbers = items.tolist()
    named = zip(catalog.items.external(numbers), numbers, cosine.tolist(), strict=True)
    return [SimilarItem(name, catalog.title(number), near) for name, number, near in named]


def describe_interests(
    catalog: Catalog, histories: Sequence[NDArray[np.int64]], interests: Interests, longest: int
) -> list[list[Interest]]:
    """Describe the active interests of each history; a history without known items has none.

    Args:
        catalog: For ids, titles and categories.
        histories: Item numbers, oldest first.
        interests: Of these histories.
        longest: How many of the newest events the model reads.
    """
    weights = interests.weights.float().cpu().numpy()
    vectors = interests.vectors.float().cpu().numpy()
    active = interests.active.cpu().numpy()
    return [
        describe_history(catalog, own[-longest:], weights[row], active[row], vectors[row])
        if len(own)
        else []
        for row, own in enumerate(histories)
    ]


def describe_history(
    catalog: Catalog,
    read: NDArray[np.int64],
    weights: Float[np.ndarray, "K L"],
    active: Bool[np.ndarray, " K"],
    vectors: Float[np.ndarray, "K W"],
) -> list[Interest]:
    """Describe the active interests of one history, each with its items, largest weight first.

    Args:
        catalog: For ids, titles and categories.
        read: Item numbers that the model read, oldest first.
        weights: How much each interest draws on each of them; columns beyond are padding.
        active: Which interests count.
        vectors: The interests' query vectors.
    """
    names = catalog.items.external(read.tolist())
    titles = [catalog.title(item) for item in read.tolist()]
    shares = category_shares(catalog, read, weights[:, : len(read)])
    labels = interest_names(catalog, shares, active)
    described = []
    for number in np.flatnonzero(active).tolist():
        own = weights[number, : len(read)]
        heaviest = np.argsort(-own, kind="stable")
        items = tuple(Reason(names[at], titles[at], float(own[at])) for at in heaviest.tolist())
        vector = tuple(vectors[number].tolist())
        described.append(Interest(number=number, name=labels[number], items=items, vector=vector))
    return described


def with_top_items(
    retriever: Retriever,
    histories: Sequence[NDArray[np.int64]],
    described: Sequence[list[Interest]],
    top: int,
    eligible: Bool[np.ndarray, " V"] | None,
) -> list[list[Interest]]:
    """Return the interests with the ``top`` items that each alone would recommend.

    Args:
        retriever: Searches for them.
        histories: Item numbers per user; their items are left out.
        described: The interests per user.
        top: Items per interest.
        eligible: Items that may be recommended to anyone; None for all.

    Cost: one search for all interests together.
    """
    flat = [one for own in described for one in own]
    if not flat:
        return list(described)
    owners = [history for history, own in zip(histories, described, strict=True) for _ in own]
    vectors = np.array([one.vector for one in flat], dtype=np.float32)
    found = retriever.retrieve(Query.equal(vectors[:, None], owners), top, eligible)
    filled = iter(
        replace(one, top=_top_items(retriever.catalog, items, scores))
        for one, items, scores in zip(flat, found.items, found.scores, strict=True)
    )
    return [[next(filled) for _ in own] for own in described]


def _top_items(
    catalog: Catalog, items: NDArray[np.int64], scores: NDArray[np.floating]
) -> tuple[TopItem, ...]:
    pairs = zip(items.tolist(), scores.tolist(), strict=True)
    kept = [(item, score) for item, score in pairs if item]
    names = catalog.items.external([item for item, _ in kept])
    named = zip(names, kept, strict=True)
    return tuple(TopItem(name, catalog.title(item), score) for name, (item, score) in named)


def category_shares(
    catalog: Catalog, read: NDArray[np.int64], weights: Float[np.ndarray, "K L"]
) -> Float[np.ndarray, "K C"]:
    """Return how much of each interest comes from each category; an item's categories share it."""
    starts = catalog.category_indptr[read]
    counts = catalog.category_indptr[read + 1] - starts
    place = np.repeat(np.arange(len(read)), counts)  # the history's place of each category
    categories = catalog.category_ids[starts[place] + position_in_group(counts)]
    parts = weights / np.maximum(counts, 1).astype(weights.dtype)
    shares = np.zeros((len(catalog.category_names), len(weights)))
    np.add.at(shares, categories, parts.T[place])
    return shares.T


def interest_names(
    catalog: Catalog, shares: Float[np.ndarray, "K C"], active: Bool[np.ndarray, " K"]
) -> list[str]:
    """Name each interest after the categories that are most typical of it; "" without any.

    A category scores share · log(share / its share of the catalog's events), plus the same against
    the mean of the history's interests: it is large in this interest, larger than in the catalog,
    and larger than in the history's other interests.
    """
    mean = shares[active].mean(axis=0) if active.any() else shares.mean(axis=0)
    names = []
    for own in shares:
        with np.errstate(divide="ignore", invalid="ignore"):
            lift = np.log(own / catalog.category_share) + np.log(own / mean)
            score = np.where(own > 0, own * np.where(np.isfinite(lift), lift, 0), -np.inf)
        best = np.lexsort((np.arange(len(own)), -own, -score))[:NAMES]
        names.append(", ".join(catalog.category_names[c] for c in best.tolist() if own[c] > 0))
    return names
