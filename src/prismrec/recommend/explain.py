"""Lists and interests in words: names, titles, which items of the history made what."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from prismrec.data import Catalog
from prismrec.recommend.results import Answer, Interest, Item, Reason, Similar
from prismrec.rerank import Listed, diversity_of
from prismrec.retrieval import RuleRetriever

NAMES = 2
"""Categories in an interest's name."""
AFTER = 2
"""Items of the history named as those that another is often taken after."""
BECAUSE = 3
"""Items of the history named as an interest's reasons."""


@dataclass(frozen=True)
class Telling:
    """Puts the lists of a batch into words."""

    catalog: Catalog
    provisional: Collection[int]
    """Items that were added without training."""
    listed: Listed
    rules: RuleRetriever | None
    """The second channel, where its reasons are wanted."""

    def answer(
        self,
        row: int,
        k: int,
        history: Sequence[str],
        views: list[Interest],
        known: NDArray[np.int64],
    ) -> Answer:
        """Give one user's answer.

        Args:
            row: The user.
            k: Length that was asked for.
            history: As it was given.
            views: The explained interests; none where no reason is wanted.
            known: The item numbers of the history that the catalog holds.
        """
        chosen = [item for item in self.listed.items[row].tolist() if item]
        there = {0, *chosen}
        gone = [item for item in self.listed.plain[row].tolist() if item not in there]
        return Answer(
            items=self._items(row, chosen, views, known),
            source="interests" if len(known) else "popular",
            unknown=tuple(name for name in history if name not in self.catalog.items),
            reason="exhausted" if len(chosen) < k else None,
            strength=float(self.listed.strength[row]),
            optimal=bool(self.listed.optimal[row]),
            displaced=tuple(self.catalog.items.external(gone)),
            diversity=diversity_of(self.catalog.single_category[chosen]),
        )

    def _items(
        self, row: int, chosen: list[int], views: list[Interest], known: NDArray[np.int64]
    ) -> tuple[Item, ...]:
        because = {view.number: view.items[:BECAUSE] for view in views}
        names = self.catalog.items.external(chosen)
        parts = (self.listed.scores, self.listed.interest, self.listed.rank)
        scores, interests, ranks = (part[row].tolist() for part in parts)
        after = self._taken_after(known, chosen)
        return tuple(
            Item(
                id=names[place],
                title=self.catalog.title(item),
                score=scores[place],
                interest=interests[place],
                because=because.get(interests[place], ()),
                rank_by_score=ranks[place] + 1,
                categories=self.catalog.categories_named(item),
                provisional=item in self.provisional,
                taken_after=after[place],
            )
            for place, item in enumerate(chosen)
        )

    def _taken_after(
        self, history: NDArray[np.int64], chosen: list[int]
    ) -> list[tuple[Reason, ...]]:
        """Name the items of the history after which each is taken; none without rules."""
        if self.rules is None or not len(history):
            return [()] * len(chosen)
        told = []
        for numbers, shares in self.rules.reasons(history, chosen):
            first = numbers[:AFTER].tolist()
            names = zip(self.catalog.items.external(first), first, shares.tolist(), strict=False)
            told.append(
                tuple(Reason(n, self.catalog.title(item), share) for n, item, share in names)
            )
        return told


def told_similar(
    catalog: Catalog, items: NDArray[np.int64], cosine: NDArray[np.floating]
) -> list[Similar]:
    """Put items near another one into words, in their order."""
    numbers = items.tolist()
    named = zip(catalog.items.external(numbers), numbers, cosine.tolist(), strict=True)
    return [Similar(name, catalog.title(number), near) for name, number, near in named]


def explained(
    catalog: Catalog,
    read: NDArray[np.int64],
    weights: Float[np.ndarray, "K L"],
    active: Bool[np.ndarray, " K"],
) -> list[Interest]:
    """Give the active interests of one history, each with its items, heaviest first.

    Args:
        catalog: For ids, titles and categories.
        read: Item numbers that the model read, oldest first.
        weights: How much each interest draws on each of them; columns beyond are padding.
        active: Which interests count.
    """
    names = catalog.items.external(read.tolist())
    titles = [catalog.title(item) for item in read.tolist()]
    shares = category_shares(catalog, read, weights[:, : len(read)])
    called = names_of(catalog, shares, active)
    views = []
    for number in np.flatnonzero(active).tolist():
        own = weights[number, : len(read)]
        heaviest = np.argsort(-own, kind="stable")
        items = tuple(Reason(names[at], titles[at], float(own[at])) for at in heaviest.tolist())
        views.append(Interest(number, called[number], items))
    return views


def category_shares(
    catalog: Catalog, read: NDArray[np.int64], weights: Float[np.ndarray, "K L"]
) -> Float[np.ndarray, "K C"]:
    """Give how much of each interest is drawn from each category; an item's share its weight."""
    shares = np.zeros((len(weights), len(catalog.category_names)))
    for place, item in enumerate(read.tolist()):
        own = catalog.categories_of(item)
        shares[:, own] += weights[:, place, None] / max(len(own), 1)
    return shares


def names_of(
    catalog: Catalog, shares: Float[np.ndarray, "K C"], active: Bool[np.ndarray, " K"]
) -> list[str]:
    """Name interests after the categories that say most about each; "" without any.

    A category says share · log of (share / its share of the catalog's events) plus the same
    against the mean of the history's interests: what is much of this interest, more than of
    anyone's taste and more than of this person's other interests.
    """
    mean = shares[active].mean(axis=0) if active.any() else shares.mean(axis=0)
    names = []
    for own in shares:
        with np.errstate(divide="ignore", invalid="ignore"):
            lift = np.log(own / catalog.category_share) + np.log(own / mean)
            says = np.where(own > 0, own * np.where(np.isfinite(lift), lift, 0), -np.inf)
        best = np.lexsort((np.arange(len(own)), -own, -says))[:NAMES]
        names.append(", ".join(catalog.category_names[c] for c in best.tolist() if own[c] > 0))
    return names
