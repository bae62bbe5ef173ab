"""From an earlier model to one of another catalog: items are matched by their external ids.

larger, known = add_items(earlier, catalog, new_items(catalog, today, split.train))
copy_weights(larger, model, known.numbers_of(today))
"""

import numpy as np
import torch
from numpy.typing import NDArray

from prismrec.data import Catalog, Histories
from prismrec.models import Model
from prismrec.recommend import NewItem
from prismrec.retrieval import keep_strongest
from prismrec.training.initialize import count_in_blocks

RELATED = 10
"""Largest number of items from which a new item gets its vectors: those that occur most often near
it in histories."""


def new_items(earlier: Catalog, catalog: Catalog, train: Histories) -> list[NewItem]:
    """Return the items that an earlier catalog does not have, with what their vectors come from.

    ``categories`` are those that items of the earlier catalog have; ``related_to`` are at most
    ``RELATED`` of its items, those that occur most often near the new item.

    Cost: counting pairs in the histories that have a new item.
    """
    known = earlier.numbers_of(catalog)
    fresh = np.flatnonzero(known == 0)[1:]
    if not len(fresh):
        return []
    used = {earlier.category_names[number] for number in np.unique(earlier.category_ids).tolist()}
    near = _near(train, fresh, known)
    return [
        NewItem(
            id=name,
            title=catalog.title(number),
            categories=[c for c in catalog.categories_named(number) if c in used],
            related_to=catalog.items.external(related.tolist()),
        )
        for name, number, related in zip(
            catalog.items.external(fresh.tolist()), fresh.tolist(), near, strict=True
        )
    ]


def copy_weights(earlier: Model, model: Model, numbers: NDArray[np.int64]) -> None:
    """Copy the weights of an earlier model into a model of another catalog.

    Args:
        earlier: The model with the weights.
        model: Changed in place; it has the same extractor and tables of the same width.
        numbers: ``[V of model]``: the number of each item in ``earlier``, 0 if it has none. Such an
            item gets a vector of zeros, and the smallest bias.
    """
    model.extractor.load_state_dict(earlier.extractor.state_dict())
    rows = torch.from_numpy(numbers)
    with torch.no_grad():
        for old, new in zip(earlier.tables, model.tables, strict=True):
            table = old.rows().cpu()
            new.weight.copy_(table[rows])
        if model.outputs is not None:
            bias = model.outputs.weight[1:, -1]
            bias[rows[1:] == 0] = table[1:, -1].min()


def _near(
    train: Histories, fresh: NDArray[np.int64], known: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """Return, per new item, the known items that occur most often near it; numbers of today."""
    events = np.flatnonzero(np.isin(train.items, fresh))
    users = np.unique(np.searchsorted(train.indptr, events, side="right") - 1)
    pairs = count_in_blocks(train.select(users), len(known)).tocsr()[fresh]
    pairs.data[known[pairs.indices] == 0] = 0
    pairs.eliminate_zeros()
    strongest = keep_strongest(pairs, RELATED)
    return np.split(strongest.indices.astype(np.int64), strongest.indptr[1:-1])
