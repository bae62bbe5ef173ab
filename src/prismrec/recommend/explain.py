"""From ranked lists to answers: names, titles, and the items of the history behind each item."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from prismrec.data import Catalog
from prismrec.recommend.filters import unknown_ids
from prismrec.recommend.reasons import Reasons
from prismrec.recommend.results import (
    Answer,
    Effect,
    Interest,
    Item,
    MixTradeOff,
    NearDislike,
    SimilarItem,
    TradeOff,
)
from prismrec.rerank import Frontier, ListOptions, MixFrontier, RankedLists, diversity_of
from prismrec.retrieval import PENALTY, ScoreBoosts


@dataclass(frozen=True)
class AnswerBuilder:
    """Builds the answers of a batch from its lists."""

    catalog: Catalog
    provisional: Collection[int]
    """Items that were added without training."""
    lists: RankedLists
    options: ListOptions
    reasons: Reasons | None
    """The reasons of the items, where they are wanted."""
    near: tuple[NDArray[np.int64], NDArray[np.float64]]
    """``[B, k]``: the disliked item near each item, 0 for none, and its cosine."""
    boosts: ScoreBoosts | None
    unknown_interests: Sequence[tuple[int, ...]]
    """Of each user, the numbers in the options that are no interest of the history."""

    def answer(
        self,
        row: int,
        history: Sequence[str],
        known: NDArray[np.int64],
        interests: Sequence[Interest],
        frontier: Frontier | None,
        mix: MixFrontier | None,
    ) -> Answer:
        """Return one user's answer.

        Args:
            row: The user's row in the lists.
            history: Ids as they were given.
            known: The item numbers of those that the catalog holds.
            interests: The described interests; empty where no reason is wanted.
            frontier: The user's frontier, if it was asked for.
            mix: The lists between mixture and shares, if they were asked for.
        """
        chosen = [item for item in self.lists.items[row].tolist() if item]
        kept = {0, *chosen}
        displaced = [item for item in self.lists.plain[row].tolist() if item not in kept]
        items = self._items(row, chosen, known, {one.number for one in interests if one.added})
        best = [item.interest for item in items]
        return Answer(
            items=items,
            source="popular" if self.lists.popular[row] else "interests",
            unknown=self._unknown(history, known),
            unknown_filter=unknown_ids(self.options.filter, self.catalog, self.options.dislikes),
            unknown_interests=self.unknown_interests[row],
            reason=self._reason(row, len(chosen)),
            strength=float(self.lists.strength[row]),
            certified=bool(self.lists.certified[row]),
            diversity=diversity_of(self.catalog.single_category[chosen]),
            displaced=tuple(self.catalog.items.external(displaced)) if displaced else (),
            interests=tuple(
                replace(one, share=best.count(one.number) / max(len(best), 1)) for one in interests
            ),
            effect=self._effect(row, chosen),
            frontier=None if frontier is None else trade_off(frontier),
            mix_frontier=None if mix is None else mix_trade_off(mix),
            options=self.options,
        )

    def _unknown(self, history: Sequence[str], known: NDArray[np.int64]) -> tuple[str, ...]:
        if len(known) == len(history):
            return ()
        return tuple(name for name in history if name not in self.catalog.items)

    def _reason(self, row: int, number: int) -> Literal["exhausted", "muted"] | None:
        """Return why a list of this number of items is shorter than asked; None if it is not."""
        if number == self.options.k:
            return None
        neutral = np.count_nonzero(self.lists.plain[row])
        muted = not self.options.interests.neutral and number < neutral
        return "muted" if muted else "exhausted"

    def _items(
        self, row: int, chosen: list[int], known: NDArray[np.int64], added: Collection[int]
    ) -> tuple[Item, ...]:
        """Return the items; those of an added interest are not there because of the history."""
        names = self.catalog.items.external(chosen)
        parts = (self.lists.scores, self.lists.interest, self.lists.rank)
        scores, best, ranks = (part[row].tolist() for part in parts)
        reasons: list[dict[str, Any]] = [{}] * len(chosen)
        if self.reasons:
            reasons = [
                vars(replace(one, because=()) if number in added else one)
                for one, number in zip(
                    self.reasons.of_items(row, chosen, known), best[: len(chosen)], strict=True
                )
            ]
        boosts = [0.0] * len(chosen)
        if self.boosts is not None:
            boosts = self.boosts.at(np.array(chosen, dtype=np.int64)).tolist()
        near = self._near_dislikes(row, len(chosen))
        return tuple(
            Item(
                id=names[place],
                title=self.catalog.title(item),
                score=scores[place],
                interest=best[place],
                rank_by_score=ranks[place] + 1,
                categories=self.catalog.categories_named(item),
                provisional=item in self.provisional,
                boost=boosts[place],
                near_dislike=near[place],
                **reasons[place],
            )
            for place, item in enumerate(chosen)
        )

    def _near_dislikes(self, row: int, number: int) -> list[NearDislike | None]:
        """Return the disliked item that lowered the score of each item; None if none did."""
        if not self.options.dislikes:
            return [None] * number
        near, cosines = (part[row, :number].tolist() for part in self.near)
        names = iter(self.catalog.items.external([disliked for disliked in near if disliked]))
        return [
            NearDislike(next(names), self.catalog.title(disliked), cosine, PENALTY)
            if disliked else None
            for disliked, cosine in zip(near, cosines, strict=True)
        ]  # fmt: skip

    def _effect(self, row: int, chosen: list[int]) -> Effect | None:
        """Return what diversity and the options of the interests changed."""
        if not chosen:
            return None
        plain = [item for item in self.lists.plain[row].tolist() if item]
        categories = self._number_of_categories(chosen)
        relevance = float(self.lists.relevance[row])
        return Effect(
            categories=categories,
            plain_categories=categories if chosen == plain else self._number_of_categories(plain),
            new_items=len(set(chosen) - set(plain)),
            relevance=None if np.isnan(relevance) else relevance,
        )

    def _number_of_categories(self, items: list[int]) -> int:
        return len(set(self.catalog.single_category[items].tolist()) - {-1})


def trade_off(frontier: Frontier) -> TradeOff:
    """Return a frontier with relevance as a share of the most relevant list's."""
    diversity = (None if np.isnan(value) else value for value in frontier.diversity.tolist())
    return TradeOff(
        strength=tuple(frontier.strength.tolist()),
        relevance=_shares_of_first(frontier.relevance),
        diversity=tuple(diversity),
    )


def mix_trade_off(mix: MixFrontier) -> MixTradeOff:
    """Return the lists between mixture and shares, with relevance as a share of the first one's."""
    return MixTradeOff(
        strength=tuple(mix.strength.tolist()),
        relevance=_shares_of_first(mix.relevance),
        largest=tuple(mix.largest.tolist()),
    )


def _shares_of_first(relevance: NDArray[np.float64]) -> tuple[float, ...]:
    """Return the relevance of lists as a share of the first one's, at least 0.

    If that list has no relevance, because all candidates score alike, each list has all of it.
    """
    relevance = np.maximum(relevance, 0)
    first = relevance[0] if len(relevance) else 0
    shares: NDArray[np.float64] = relevance / first if first > 0 else np.ones(len(relevance))
    return tuple(shares.tolist())


def similar_items(
    catalog: Catalog, items: NDArray[np.int64], cosine: NDArray[np.floating]
) -> list[SimilarItem]:
    """Return items near another one, with their titles, in their order."""
    numbers = items.tolist()
    named = zip(catalog.items.external(numbers), numbers, cosine.tolist(), strict=True)
    return [SimilarItem(name, catalog.title(number), near) for name, number, near in named]
