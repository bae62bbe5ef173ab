"""The recommender: a model, an index and a catalog that answer together. Immutable.

    recommender = Recommender(model, index, catalog)
    answer = recommender.recommend(["B00A", "B00B"], k=20, diversity=0.3)
    for item in answer: print(item.title, item.score, item.interest, item.because)
    report = evaluate(partial(recommender.ranked, filter_seen=True), split.test)

``recommend`` is one call of ``ranked`` with names put on: what is evaluated is what is served.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from prismrec.data.catalog import Catalog
from prismrec.errors import ConfigError
from prismrec.index.base import Index
from prismrec.index.exact import ExactIndex
from prismrec.merge import merge
from prismrec.model import Model
from prismrec.rerank.category import diversify, normalised
from prismrec.types import Interests, Ranked

# Candidates an interest for each item of the list when the list is to be diverse: enough that
# other categories are among them.
DEPTH = 4
BECAUSE = 3
"""Items of the history named as an interest's reasons."""


@dataclass(frozen=True)
class Reason:
    """An item of the history, and how much an interest draws on it, from 0 to 1."""

    id: str
    title: str
    weight: float


@dataclass(frozen=True)
class Item:
    """One recommended item."""

    id: str
    title: str
    score: float
    interest: int
    """Which interest brought it, from 0."""
    because: tuple[Reason, ...]
    """The items of the history that weigh most in that interest."""


@dataclass(frozen=True)
class Interest:
    """One interest of a history."""

    number: int
    name: str
    """The categories it draws on most; "" where items have none."""
    items: tuple[Reason, ...]
    """The history by weight, heaviest first."""


@dataclass(frozen=True)
class Answer:
    """A list, and where it came from."""

    items: tuple[Item, ...]
    source: Literal["interests", "popular"]
    """"popular": the history held no known item, so the most popular ones are given."""
    unknown: tuple[str, ...]
    """Ids of the history that the catalog does not hold; they were left out."""

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


class Recommender:
    """Answers histories with lists.

    Args:
        model: In evaluation mode from here on.
        index: Of the model's item vectors.
        catalog: The one the model was trained with.

    Raises:
        ConfigError: Model and catalog are of different sizes.
    """

    def __init__(self, model: Model, index: Index, catalog: Catalog) -> None:
        if model.size != catalog.size:
            raise ConfigError(
                f"A model of {model.size - 1} items was given a catalog of {catalog.size - 1}; "
                "take the catalog of the data set that it was trained on."
            )
        self.model, self.index, self.catalog = model.eval(), index, catalog
        self.popular = np.argsort(-catalog.count[1:], kind="stable") + 1

    @classmethod
    def exact(cls, model: Model, catalog: Catalog) -> "Recommender":
        """Make one with an exact index of the model's item vectors."""
        with torch.no_grad():
            vectors = model.eval().item_vectors()[1:].float().cpu().numpy()
        return cls(model, ExactIndex.build(vectors, np.arange(1, model.size)), catalog)

    def ranked(
        self,
        histories: Sequence[NDArray[np.int64]],
        k: int,
        *,
        filter_seen: bool = True,
        diversity: float = 0.0,
    ) -> Ranked:
        """Give a list to each history of item numbers.

        Args:
            histories: Whole, oldest first; the model reads the newest it can. An empty one gets
                the most popular items.
            k: Length of the lists.
            filter_seen: Leave out every item of the history.
            diversity: λ of controllable aggregation on scores brought to 0…1 a user; 0 ranks by
                score alone.

        Raises:
            ConfigError: ``k`` below 1 or an impossible ``diversity``.
            DataError: An item number beyond the catalog.
        """
        if k < 1:
            raise ConfigError(f"k is {k}; a list has at least 1 item.")
        interests = self.interests_of(histories)
        prior = np.where(interests.active.cpu(), interests.bias.float().cpu(), -np.inf)
        longest = max((len(set(h.tolist())) for h in histories), default=0)
        depth = k if diversity == 0 else DEPTH * k
        deeper = depth + (longest if filter_seen else 0)
        found = self.index.search(interests.vectors.float().cpu().numpy(), deeper)
        merged = merge(found, prior, depth, barred=histories if filter_seen else None)
        categories = np.where(merged.items > 0, self.catalog.single_category[merged.items], -1)
        scores = normalised(merged.scores) if diversity else merged.scores
        chosen = diversify(scores, categories, k, strength=diversity)
        items, scores, interest = (np.take_along_axis(part, chosen, axis=1) for part in merged)
        listed = Ranked(items, np.where(items > 0, scores, 0), interest)
        return self._popular_for_empty(histories, listed)

    def recommend(
        self,
        history: Sequence[str],
        k: int = 20,
        *,
        diversity: float = 0.0,
        filter_seen: bool = True,
    ) -> Answer:
        """Recommend to one history of external ids, oldest first.

        Ids that the catalog does not hold are left out and named in the answer.
        """
        known, unknown = self._known(history)
        listed = self.ranked([known], k, filter_seen=filter_seen, diversity=diversity)
        views = self._views(known)
        items = tuple(
            self._item(int(item), float(score), int(interest), views)
            for item, score, interest in zip(*(part[0] for part in listed), strict=True)
            if item > 0
        )
        return Answer(items, "interests" if len(known) else "popular", unknown)

    def interests(self, history: Sequence[str]) -> list[Interest]:
        """Tell which items of a history made which interest, active interests only."""
        return self._views(self._known(history)[0])

    def interests_of(self, histories: Sequence[NDArray[np.int64]]) -> Interests:
        """Give the interests of histories of item numbers, from the newest the model can read."""
        longest = self.model.extractor.max_len
        newest = [history[-longest:] for history in histories]
        width = max((len(history) for history in newest), default=0) or 1
        padded = np.zeros((len(newest), width), dtype=np.int64)
        for row, history in enumerate(newest):
            padded[row, : len(history)] = history
        batch = torch.from_numpy(padded).to(self.model.device)
        with torch.no_grad():
            found: Interests = self.model(batch, batch != 0)
        return found

    def _known(self, history: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        known = [name for name in history if name in self.catalog.items]
        unknown = tuple(name for name in history if name not in self.catalog.items)
        return self.catalog.items.index(known), unknown

    def _popular_for_empty(self, histories: Sequence[NDArray[np.int64]], listed: Ranked) -> Ranked:
        top = self.popular[: listed.items.shape[1]]
        for row, history in enumerate(histories):
            if not len(history):
                listed.items[row, : len(top)], listed.items[row, len(top) :] = top, 0
                listed.scores[row], listed.interest[row] = 0, 0
        return listed

    def _views(self, known: NDArray[np.int64]) -> list[Interest]:
        """Give the active interests of a history, each with its reasons."""
        if not len(known):
            return []
        interests = self.interests_of([known])
        read = known[-self.model.extractor.max_len :]
        views = []
        for number in interests.active[0].nonzero()[:, 0].tolist():
            weights = interests.weights[0, number, : len(read)].float().cpu().numpy()
            heaviest = np.argsort(-weights, kind="stable")
            reasons = tuple(self._reason(int(read[j]), float(weights[j])) for j in heaviest)
            views.append(Interest(number, self._name(read, weights), reasons))
        return views

    def _name(self, read: NDArray[np.int64], weights: NDArray[np.float32]) -> str:
        """Name an interest after the two categories that it draws on most."""
        drawn: dict[int, float] = defaultdict(float)
        for item, weight in zip(read.tolist(), weights.tolist(), strict=True):
            own = self.catalog.categories_of(item).tolist()
            for category in own:
                drawn[category] += weight / len(own)
        most = sorted(drawn, key=lambda category: (-drawn[category], category))[:2]
        names = [self.catalog.category_names[category] for category in most]
        return ", ".join(names)

    def _reason(self, item: int, weight: float) -> Reason:
        return Reason(self.catalog.items.external([item])[0], self.catalog.title(item), weight)

    def _item(self, item: int, score: float, interest: int, views: list[Interest]) -> Item:
        because = next((v.items[:BECAUSE] for v in views if v.number == interest), ())
        name = self.catalog.items.external([item])[0]
        return Item(name, self.catalog.title(item), score, interest, because)
