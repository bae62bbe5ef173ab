"""What a recommender answers: values for people, with external ids, titles and reasons."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Reason:
    """An item of the history, and how much an interest draws on it, from 0 to 1."""

    id: str
    title: str
    weight: float


@dataclass(frozen=True, kw_only=True)
class Item:
    """One recommended item."""

    id: str
    title: str
    score: float
    interest: int
    """Which interest brought it, from 0."""
    because: tuple[Reason, ...]
    """The items of the history that weigh most in that interest."""
    rank_by_score: int
    """Its place were diversity 0, from 1: what diversity moved, and how far."""
    categories: tuple[str, ...] = ()
    """All of its categories."""
    provisional: bool = False
    """Added without training: placed by its categories and what it was taken with."""
    taken_after: tuple[Reason, ...] = ()
    """Items of the history after which it is often taken, with their shares of what the second
    channel says for it; none without that channel, or where it says nothing."""


@dataclass(frozen=True)
class Interest:
    """One interest of a history."""

    number: int
    name: str
    """The categories it draws on most; "" where items have none."""
    items: tuple[Reason, ...]
    """The history by weight, heaviest first."""


@dataclass(frozen=True)
class Similar:
    """An item near another one."""

    id: str
    title: str
    similarity: float
    """Cosine of the two item vectors, -1 to 1."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A list, and where it came from."""

    items: tuple[Item, ...]
    source: Literal["interests", "popular"]
    """"popular": the history held no known item, so the most popular ones are given."""
    unknown: tuple[str, ...]
    """Ids of the history that the catalog does not hold; they were left out."""
    reason: Literal["exhausted"] | None = None
    """Why the list is shorter than asked: no other item may be recommended."""
    strength: float = 0.0
    """λ that made the list: what was asked, or what a dial in another unit came to."""
    optimal: bool = True
    """Whether no list of the whole catalog is worth more at that λ; with an approximate index up
    to its recall, with another re-ranker than ``category`` known at λ 0 only."""
    displaced: tuple[str, ...] = ()
    """Ids that would be in the list were diversity 0, best first."""
    diversity: float | None = None
    """Share of the list's pairs that differ in category; None below two items."""

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)
