"""What a recommender returns: values with external ids, titles and reasons.

The HTTP service sends these dataclasses as they are, and its OpenAPI document and the page's types
are made from them: a field is named and described here, once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from prismrec.data import html_table
from prismrec.rerank import ListOptions

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Reason:
    """An item of the history, and its share of an interest or of a rule's score, from 0 to 1."""

    id: str
    """External id of the item."""
    title: str
    """Its title; its id if it has none."""
    weight: float
    """The share, from 0 to 1."""


@dataclass(frozen=True)
class Contribution:
    """An event of the history, and what it adds to the score of one recommended item."""

    id: str
    """External id of the item of the event."""
    title: str
    """Its title; its id if it has none."""
    contribution: float
    """Part of the item's score; with all events it adds up to ``from_history`` of the item."""
    share: float
    """Part of the positive contributions of all events, from 0 to 1."""


@dataclass(frozen=True)
class NearDislike:
    """The disliked item that lowered the score of an item."""

    id: str
    """External id of the disliked item."""
    title: str
    """Its title; its id if it has none."""
    similarity: float
    """Cosine of the two item vectors, from 0.9 to 1."""
    penalty: float
    """What the item lost of its score."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One recommended item.

    docs/python.md describes the fields.
    """

    id: str
    """External id of the item."""
    title: str
    """Its title; its id if it has none."""
    score: float
    """What it is ranked by before diversity and weights; compares items of one list only. With the
    default model and with rules, the log of a probability; of popular items, log(1 + events)."""
    interest: int
    """The number of the interest that it belongs to: of formed interests, the one whose events add
    most to its score, otherwise the one with the best score. Without meaning for popular items."""
    because: tuple[Contribution, ...] = ()
    """The events that add most to its score, at most three; empty without explain, if the history
    as a whole lowers the score, for popular items, items of an added interest, and an interest that
    is no weighted sum of events (see ``Extractor.forward``)."""
    from_history: float | None = None
    """What all events of the history add to the score; None without explain, and for an interest
    that is no weighted sum of events. The rest of the score does not depend on single events: the
    popularity of the item and the priors."""
    from_rules: float = 0.0
    """Share of the item's probability that comes from the rule retriever, from 0 to 1; 0 without
    explain."""
    boost: float = 0.0
    """What the boosts of the request add to its score: the logarithm of their factors; 0 if none
    applies."""
    rank_by_score: int
    """Its rank at diversity 0, from 1: shows how far diversity moved it."""
    categories: tuple[str, ...] = ()
    """All of its categories."""
    provisional: bool = False
    """Added without training: its vector comes from its categories and its related items."""
    goes_with: tuple[Reason, ...] = ()
    """Items of the history from which the rule retriever finds it, with their shares of the rules'
    score: items that it often follows, or (item-kNN, EASE) that users often have together. Empty
    without explain, without a rule retriever, or where no rule leads to the item."""
    near_dislike: NearDislike | None = None
    """The nearest of the disliked items, if it lowered the score of this item."""


@dataclass(frozen=True)
class TopItem:
    """An item that one interest alone would recommend."""

    id: str
    """External id of the item."""
    title: str
    """Its title; its id if it has none."""
    score: float
    """Inner product of the vectors of item and interest."""


@dataclass(frozen=True, kw_only=True)
class Interest:
    """One interest of a history."""

    number: int
    """Its number in the model, from 0."""
    name: str
    """The categories it draws on most; "" where items have none."""
    items: tuple[Reason, ...]
    """The history by weight, largest first."""
    share: float = 0.0
    """Share of the list's items that belong to this interest, from 0 to 1."""
    weight: float = 1.0
    """The weight that the caller gave it; 1 if none."""
    added: bool = False
    """Whether the caller added it; it is then not part of the history."""
    vector: tuple[float, ...] = field(default=(), repr=False)
    """The query vector, as searched in the index: D numbers, or D + 1 with item biases."""
    top: tuple[TopItem, ...] = ()
    """The items that this interest alone would recommend, best first; empty if not asked for."""
    position: tuple[float, float] | None = None
    """Place on the map of the catalog (x, y); None outside the service."""


@dataclass(frozen=True)
class SimilarItem:
    """An item near another one."""

    id: str
    """External id of the item."""
    title: str
    """Its title; its id if it has none."""
    similarity: float
    """Cosine of the two item vectors, from -1 to 1."""


@dataclass(frozen=True)
class TradeOff:
    """Every list that some strength λ makes of the candidates, the most relevant one first."""

    strength: tuple[float, ...]
    """A λ that makes each list; 0 for the first."""
    relevance: tuple[float, ...]
    """Relevance of each list as a share of the first one's, falling from 1."""
    diversity: tuple[float | None, ...]
    """Share of each list's pairs that differ in category, rising; None below two items."""


@dataclass(frozen=True)
class MixTradeOff:
    """Lists from the mixture to fully shared lists, the most relevant one first."""

    strength: tuple[float, ...]
    """How strongly the places are shared out; 0 for the first, the mixture."""
    relevance: tuple[float, ...]
    """Relevance of each list as a share of the first one's."""
    largest: tuple[float, ...]
    """Share of the largest interest in each list."""


@dataclass(frozen=True)
class Effect:
    """What diversity and the options of the interests changed, against the list without them."""

    categories: int
    """Number of different categories in the list."""
    plain_categories: int
    """Number of different categories in the list without them."""
    new_items: int
    """Items that are not in the list without them."""
    relevance: float | None
    """Sum of the scaled scores as a share of that of the list without them; None if that is 0."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A list of recommended items, and how it was made.

    docs/python.md describes the fields.
    """

    items: tuple[Item, ...]
    """The list, best first; iterating over the answer yields it, and ``len`` is its length."""
    source: Literal["interests", "popular"]
    """"popular": the history holds no known item, and no interest is added that is not muted, so
    the list shows popular items."""
    unknown: tuple[str, ...] = ()
    """Ids of the history that the catalog does not hold; they were left out."""
    unknown_filter: tuple[str, ...] = ()
    """Blocked, allowed and disliked ids that the catalog does not hold; they had no effect."""
    unknown_interests: tuple[int, ...] = ()
    """Numbers in the weights and minima that are no interest of the history; they had no effect."""
    reason: Literal["exhausted", "muted"] | None = None
    """Why the list is shorter than asked: no other item is eligible, or all that are left belong to
    muted interests."""
    strength: float = 0.0
    """λ of the list: as given, or the one that met the target."""
    certified: bool = True
    """Whether no list of the whole catalog is better at that λ. With an approximate index this
    holds up to its recall; with another re-ranker than ``category`` it is known at λ 0 only."""
    diversity: float | None = None
    """Share of the list's pairs that differ in category; None below two items."""
    displaced: tuple[str, ...] = ()
    """Ids that would be in the list at diversity 0 and without options of interests, best first."""
    effect: Effect | None = None
    """What diversity and the options of the interests changed; None for an empty list."""
    interests: tuple[Interest, ...] = ()
    """The active interests of the history; empty without explain."""
    frontier: TradeOff | None = None
    """All lists that diversity could make, if asked for."""
    mix_frontier: MixTradeOff | None = None
    """Lists between mixture and shares, if asked for and the candidates have two interests."""
    options: ListOptions
    """The options the list was made with."""

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        shown = ", ".join(item.title for item in self.items[:3])
        more = f", … {len(self.items) - 3} more" if len(self.items) > 3 else ""
        return f"Answer({len(self.items)} items from {self.source}: {shown}{more})"

    def to_frame(self) -> pl.DataFrame:
        """Return the list as a Polars frame: id, title, score, interest, because (titles)."""
        import polars as pl

        schema: dict[str, Any] = {
            "id": pl.String,
            "title": pl.String,
            "score": pl.Float64,
            "interest": pl.Int64,
            "because": pl.List(pl.String),
        }
        rows = [
            (item.id, item.title, item.score, item.interest, [r.title for r in item.because])
            for item in self.items
        ]
        return pl.DataFrame(rows, schema=schema, orient="row")

    def _repr_html_(self) -> str:
        """Return the list as an HTML table, for notebooks."""
        rows = (
            (
                str(rank), item.title, f"{item.score:.3f}", str(item.interest),
                ", ".join(reason.title for reason in item.because),
            )
            for rank, item in enumerate(self.items, start=1)
        )  # fmt: skip
        return html_table(("", "title", "score", "interest", "because"), rows)
