"""From a request to an answer: the recommender, asked and put into words. No HTTP in here."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prismrec.recommend import Answer, Filter, Item, Recommender, known
from prismrec.rerank import Dial
from prismrec.service.loaded_artifact import Served
from prismrec.service.schemas import RecommendRequest

TOP = 5
"""Items shown of each interest's own."""


def recommended(
    served: Served, histories: Sequence[Sequence[str]], asked: Sequence[RecommendRequest]
) -> list[dict[str, Any]]:
    """Answer requests that are alike: of one ``likeness``.

    Args:
        served: What answers.
        histories: Item ids of each, oldest first: those stored, then those given.
        asked: The requests.

    Raises:
        PrismrecError: What was asked for cannot be.
    """
    recommender, first = served.recommender, asked[0]
    only = Filter(blocked=first.blocked, allowed=first.allowed, categories=first.categories)
    unknown = only.unknown(recommender.catalog)
    found = recommender.recommend_many(
        histories,
        first.k + first.offset,
        diversity=dial_of(first),
        filter_seen=not first.keep_seen,
        only=only,
        explain=first.explain,
    )
    told = zip(histories, asked, found, strict=True)
    return [
        _told(served, history, one, answer, only) | {"unknown_filter": unknown}
        for history, one, answer in told
    ]


def likeness(asked: RecommendRequest) -> str:
    """Give what requests have in common that can be answered together."""
    return asked.model_dump_json(exclude={"user", "history", "frontier"})


def _told(
    served: Served,
    history: Sequence[str],
    asked: RecommendRequest,
    answer: Answer,
    only: Filter,
) -> dict[str, Any]:
    """Put one answer into words."""
    recommender = served.recommender
    found: dict[str, Any] = {
        "artifact": served.name,
        "source": answer.source,
        "unknown": list(answer.unknown),
        "reason": answer.reason,
        "strength": answer.strength,
        "optimal": answer.optimal,
        "diversity": answer.diversity,
        "items": [item_of(item) for item in answer.items[asked.offset :]],
        "displaced": list(answer.displaced),
        "interests": [],
        "frontier": None,
    }
    if asked.explain:
        found["interests"] = interests_of(served, history, answer, top=TOP)
    if asked.frontier:
        seen, wanted = not asked.keep_seen, asked.k + asked.offset
        found["frontier"] = frontier_of(recommender, history, wanted, seen=seen, only=only)
    return found


def dial_of(asked: RecommendRequest) -> Dial:
    """Give the dial of a request."""
    return Dial(
        strength=asked.diversity,
        diversity_target=asked.diversity_target,
        relevance_lost=asked.relevance_lost,
        rerank=asked.rerank,
    )


def item_of(item: Item) -> dict[str, Any]:
    """Give a recommended item as it is answered."""
    reasons = {
        name: [vars(one) for one in getattr(item, name)] for name in ("because", "taken_after")
    }
    return vars(item) | reasons


def interests_of(
    served: Served, history: Sequence[str], answer: Answer | None = None, *, top: int = 0
) -> list[dict[str, Any]]:
    """Put the interests of a history into words and on the map.

    Args:
        served: What answers.
        history: Item ids, oldest first.
        answer: The list; each interest's share of it is told.
        top: Items of each interest's own list.
    """
    recommender = served.recommender
    numbers = known(history, recommender.catalog)
    read = recommender.interests_of([numbers])
    views = recommender.explained([numbers], read)[0]
    if not views:
        return []
    vectors = read.vectors[0].float().cpu().numpy()
    places = served.plane.place(vectors[:, : recommender.model.extractor.dim])
    own = _own_items(recommender, vectors, numbers, top) if top else [[] for _ in vectors]
    brought = [item.interest for item in answer.items] if answer else []
    return [
        {
            "number": view.number,
            "name": view.name,
            "share": brought.count(view.number) / max(len(brought), 1),
            "x": float(places[view.number, 0]),
            "y": float(places[view.number, 1]),
            "items": [vars(reason) for reason in view.items],
            "top": own[view.number],
        }
        for view in views
    ]


def _own_items(
    recommender: Recommender,
    vectors: NDArray[np.float32],
    seen: NDArray[np.int64],
    top: int,
) -> list[list[dict[str, Any]]]:
    """Put into words what each interest alone would list."""
    catalog = recommender.catalog
    found = recommender.own_lists(seen, vectors, top)
    lists = []
    for items, scores in zip(found.items, found.scores, strict=True):
        kept = [(n, score) for n, score in zip(items.tolist(), scores.tolist(), strict=True) if n]
        names = catalog.items.external([item for item, _ in kept])
        lists.append(
            [
                {"id": name, "title": catalog.title(item), "score": score}
                for name, (item, score) in zip(names, kept, strict=True)
            ]
        )
    return lists


def frontier_of(
    recommender: Recommender, history: Sequence[str], k: int, *, seen: bool, only: Filter
) -> dict[str, Any]:
    """Give the frontier with relevance as a share of the list's at strength 0."""
    found = recommender.frontier(history, k, filter_seen=seen, only=only)
    best = float(found.relevance[0]) if len(found.relevance) and found.relevance[0] else 1.0
    diversity = found.diversity.tolist()
    return {
        "strength": found.strength.tolist(),
        "relevance": (found.relevance / best).tolist(),
        "diversity": [None if np.isnan(value) else value for value in diversity],
    }


def described(recommender: Recommender, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Describe items of the catalog."""
    catalog = recommender.catalog
    names = catalog.items.external(numbers)
    return [
        {
            "id": name,
            "title": catalog.title(number),
            "categories": catalog.categories_named(number),
            "count": int(catalog.count[number]),
            "hidden": number in recommender.hidden,
            "provisional": number in recommender.provisional,
        }
        for name, number in zip(names, numbers, strict=True)
    ]


def searched(served: Served, text: str, limit: int) -> list[int]:
    """Find items by title: those that begin with the text, then a word of them, then the rest.

    Cost: O(V).
    """
    wanted = text.casefold().strip()
    catalog = served.recommender.catalog
    ranked = []
    for place, title in enumerate(served.titles):
        at = title.find(wanted)
        if at >= 0:
            kind = 0 if at == 0 else 1 if not title[at - 1].isalnum() else 2
            ranked.append((kind, -int(catalog.count[place + 1]), place + 1))
    return [number for *_, number in sorted(ranked)[:limit]]


def mapped(served: Served, limit: int) -> dict[str, Any]:
    """Place the most popular items on the plane."""
    recommender = served.recommender
    catalog = recommender.catalog
    popular = catalog.by_count[: limit + len(recommender.hidden)].tolist()
    numbers = [number for number in popular if number not in recommender.hidden][:limit]
    places = served.plane.place(recommender.directions_of(np.array(numbers, dtype=np.int64)))
    return {
        "ids": catalog.items.external(numbers),
        "titles": [catalog.title(number) for number in numbers],
        "x": places[:, 0].tolist(),
        "y": places[:, 1].tolist(),
        "category": catalog.single_category[numbers].tolist(),
        "categories": catalog.category_names,
    }
