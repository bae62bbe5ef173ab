"""Described interests: their events, what each would recommend alone, and their names."""

import math
from collections.abc import Collection, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from prismrec.data import Catalog
from prismrec.models import Model
from prismrec.numerics import position_in_group
from prismrec.recommend.results import Interest, Reason, TopItem
from prismrec.rerank import AddedInterest, InterestOptions, added_weights, weights_of
from prismrec.retrieval import Query, Retriever
from prismrec.types import Interests

NAMES = 2
"""Categories in an interest's name."""
FOUND = 10
"""Items that an interest alone would recommend, from which it is named."""
SHARE_SMOOTHING = 0.02
"""Added to shares of categories before their log-odds are taken."""
NEIGHBOURS = 20
"""Items from which the vector of an added category or of an added item is computed."""


def added_vectors(
    model: Model, retriever: Retriever, added: Sequence[AddedInterest]
) -> Float[Tensor, "A D"] | None:
    """Return the source vector of each added interest; None for none.

    It is the mean of the source vectors of the category's most frequent items, or of the item and
    those nearest to it, weighted by the square root of their counts.

    Raises:
        UnknownName: There is no such category or item.
    """
    if not added:
        return None
    catalog, rows = retriever.catalog, []
    for one in added:
        if one.item is not None:
            number = catalog.items.index([one.item])
            near = retriever.similar(number, NEIGHBOURS - 1, None)[0]
            items = np.concatenate([number, near])
        else:
            items = catalog.items_of(one.category or "")[:NEIGHBOURS]
        with torch.no_grad():
            vectors = model.items(torch.from_numpy(items).to(model.device))
        weight = torch.from_numpy(np.sqrt(np.maximum(catalog.count[items], 1))).to(vectors)
        rows.append(weight @ vectors / weight.sum())
    return torch.stack(rows)


def weigh_added(interests: Interests, weights: Sequence[float]) -> Interests:
    """Return interests whose last ones, the added ones, have a prior times their weight below 1.

    A weight of 0 makes one inactive. Weights above 1 apply to its items: see ``weights_of``.
    """
    first = interests.bias.shape[1] - len(weights)
    bias, active = interests.bias.clone(), interests.active.clone()
    log_prior = None if interests.log_prior is None else interests.log_prior.clone()
    for number, weight in enumerate(weights, start=first):
        active[:, number] &= weight > 0
        for part in (bias, log_prior):
            if part is not None and 0 < weight < 1:
                part[:, number] += math.log(weight)
    return interests._replace(bias=bias, active=active, log_prior=log_prior)


def describe_interests(
    retriever: Retriever,
    histories: Sequence[NDArray[np.int64]],
    interests: Interests,
    longest: int,
    eligible: Bool[np.ndarray, " V"] | None,
    options: InterestOptions,
    *,
    top: int = FOUND,
) -> list[list[Interest]]:
    """Describe the shown interests of each history; a history without any event has the added ones.

    Args:
        retriever: Finds what each interest alone would recommend.
        histories: Item numbers, oldest first.
        interests: Of these histories, with the added ones at the end.
        longest: How many of the newest events the model reads.
        eligible: Items that may be recommended to anyone; None for all.
        options: Weights, and the added interests.
        top: Number of items to add that each interest alone would recommend, at most ``FOUND``.

    Cost: one search for all interests together.
    """
    shown = shown_interests(histories, interests, options)
    added, number_of_model = len(options.added), shown.shape[1] - len(options.added)
    found = _found_alone(retriever, histories, interests, shown, eligible)
    weights, vectors = (part.float().cpu().numpy() for part in (interests.weights,
                                                                interests.vectors))  # fmt: skip
    steering = weights_of(options, shown.shape[1])
    steering[number_of_model:] = added_weights(options, shown.shape[1])
    titles = [_added_name(retriever.catalog, one) for one in options.added]
    described = []
    for row, own in enumerate(histories):
        read, numbers = own[-longest:], np.flatnonzero(shown[row])
        names = name_interests(
            retriever.catalog, read, weights[row][numbers, : len(read)],
            [found[row, number][0] for number in numbers.tolist()],
            {at: titles[n - number_of_model] for at, n in enumerate(numbers.tolist())
             if n >= number_of_model},
        )  # fmt: skip
        events = _named(retriever.catalog, read)
        described.append([
            Interest(
                number=number,
                name=name,
                items=_items_of(events, weights[row, number, : len(read)]),
                weight=float(steering[number]),
                added=bool(added) and number >= number_of_model,
                vector=tuple(vectors[row, number].tolist()),
                top=_top_items(retriever.catalog, *found[row, number], top) if top else (),
            )
            for number, name in zip(numbers.tolist(), names, strict=True)
        ])  # fmt: skip
    return described


def shown_interests(
    histories: Sequence[NDArray[np.int64]], interests: Interests, options: InterestOptions
) -> Bool[np.ndarray, "B K"]:
    """Return which interests each history has: those of its events, and the added ones.

    Added interests count also if they are muted.
    """
    shown = interests.shown.cpu().numpy().copy()
    number_of_model = shown.shape[1] - len(options.added)
    shown[:, number_of_model:] = True
    for row, history in enumerate(histories):
        if not len(history):
            shown[row, :number_of_model] = False
    return shown


def unknown_interests(
    histories: Sequence[NDArray[np.int64]], interests: Interests, options: InterestOptions
) -> list[tuple[int, ...]]:
    """Return the numbers in weights and minima that are no interest of each history, ascending."""
    numbers = sorted({int(number) for number in (*options.weights, *options.minimum)})
    if not numbers:
        return [()] * len(histories)
    has = [set(np.flatnonzero(row)) for row in shown_interests(histories, interests, options)]
    return [tuple(number for number in numbers if number not in own) for own in has]


def _found_alone(
    retriever: Retriever,
    histories: Sequence[NDArray[np.int64]],
    interests: Interests,
    shown: Bool[np.ndarray, "B K"],
    eligible: Bool[np.ndarray, " V"] | None,
) -> dict[tuple[int, int], tuple[NDArray[np.int64], NDArray[np.floating]]]:
    """Return, per user and interest, the items that it alone would recommend and their scores."""
    rows, numbers = np.nonzero(shown)
    if not len(rows):
        return {}
    vectors = interests.vectors.float().cpu().numpy()[rows, numbers]
    excluded = [histories[row] for row in rows.tolist()]
    found = retriever.item_search.find(Query.equal(vectors[:, None], excluded), FOUND, eligible)
    keys = zip(rows.tolist(), numbers.tolist(), strict=True)
    kept = [(i[i > 0], s[i > 0]) for i, s in zip(found.items, found.scores, strict=True)]
    return dict(zip(keys, kept, strict=True))


def _top_items(
    catalog: Catalog, items: NDArray[np.int64], scores: NDArray[np.floating], top: int
) -> tuple[TopItem, ...]:
    named = zip(_named(catalog, items[:top]), scores[:top].tolist(), strict=True)
    return tuple(TopItem(name, title, score) for (name, title), score in named)


def _named(catalog: Catalog, items: NDArray[np.int64]) -> list[tuple[str, str]]:
    """Return the external id and the title of each item."""
    numbers = items.tolist()
    return list(zip(catalog.items.external(numbers), map(catalog.title, numbers), strict=True))


def _items_of(
    events: Sequence[tuple[str, str]], weights: Float[np.ndarray, " L"]
) -> tuple[Reason, ...]:
    """Return the events that an interest is made of, largest weight first."""
    heaviest = np.argsort(-weights, kind="stable")[: np.count_nonzero(weights > 0)]
    named = zip([events[n] for n in heaviest.tolist()], weights[heaviest].tolist(), strict=True)
    return tuple(Reason(name, title, weight) for (name, title), weight in named)


def _added_name(catalog: Catalog, one: AddedInterest) -> str:
    """Return the name of an added interest: its category, or the title of its item."""
    if one.item is None:
        return one.category or ""
    return catalog.title(int(catalog.items.index([one.item])[0]))


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


def name_interests(
    catalog: Catalog,
    read: NDArray[np.int64],
    weights: Float[np.ndarray, "K L"],
    found: Sequence[NDArray[np.int64]],
    given: dict[int, str],
) -> list[str]:
    """Name each interest after the categories that are typical of its events and of what it finds.

    A category counts by its log-odds against the catalog, in both, times its share in both. No two
    names are equal: where the best categories are taken, the title of the interest's heaviest event
    is added, and an interest without categories has this title as its name.

    Args:
        catalog: For names and titles.
        read: Item numbers of the events.
        weights: Of the events in each interest, heaviest interests first or not.
        found: The items that each interest alone would recommend.
        given: Names that are set, by position.
    """
    whole = weights.sum(axis=1, keepdims=True)  # routing weights do not sum to 1
    made = category_shares(catalog, read, weights / np.where(whole > 0, whole, 1))
    lengths = np.array([len(items) for items in found], dtype=np.int64)
    finder = np.repeat(np.arange(len(found)), lengths) == np.arange(len(found))[:, None]
    every = np.concatenate([np.empty(0, dtype=np.int64), *found])
    finds = category_shares(catalog, every, finder / np.maximum(lengths, 1)[:, None])
    usual = _log_odds(catalog.category_share)
    both = np.sqrt(made * finds)
    lift = np.minimum(_log_odds(made), _log_odds(finds)) - usual
    score = np.where((both > 0) & (lift > 0), both * lift, 0)
    score = np.where(score.any(axis=1, keepdims=True), score, made)
    best = np.argsort(-score, axis=1, kind="stable")[:, :NAMES]
    names = [
        given.get(at, ", ".join(catalog.category_names[c] for c in own if score[at, c] > 0))
        for at, own in enumerate(best.tolist())
    ]
    return _distinct(catalog, read, weights, names, given)


def _log_odds(share: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the log-odds of smoothed shares."""
    smoothed = (share + SHARE_SMOOTHING) / (1 + 2 * SHARE_SMOOTHING)
    return np.asarray(np.log(smoothed / (1 - smoothed)), dtype=np.float64)


def _distinct(
    catalog: Catalog,
    read: NDArray[np.int64],
    weights: Float[np.ndarray, "K L"],
    names: Sequence[str],
    given: Collection[int],
) -> list[str]:
    """Return the names with titles of events added where a name is empty or used before.

    Names that are set come first, by their positions in ``given``, so that they stay as they are.
    """
    distinct: dict[int, str] = {}
    for at in sorted(range(len(names)), key=lambda at: at not in given):
        name = unique = names[at]
        used = set(distinct.values())
        heaviest = np.argsort(-weights[at], kind="stable")
        for event in heaviest[weights[at][heaviest] > 0].tolist():
            if unique and unique not in used:
                break
            title = catalog.title(int(read[event]))
            unique = f"{name} ({title})" if name else title
        number = 2
        while unique in used:
            unique = f"{name} {number}".strip()
            number += 1
        distinct[at] = unique
    return [distinct[at] for at in range(len(names))]
