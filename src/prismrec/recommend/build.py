"""A recommender with an index that is chosen for its catalog and measured on real interests."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from prismrec.data import Catalog
from prismrec.io import stage
from prismrec.models import Model
from prismrec.recommend.recommender import Recommender
from prismrec.retrieval import IndexChoice, choose_index


def build_recommender(
    model: Model,
    catalog: Catalog,
    histories: Sequence[NDArray[np.int64]],
    *,
    index: str = "auto",
) -> tuple[Recommender, IndexChoice]:
    """Return a recommender, and why its index is the one it is.

    Args:
        model: Its item vectors are indexed.
        catalog: The catalog that the model was trained with.
        histories: Item numbers of some hundred real histories; recall is measured on their
            interests.
        index: One of ``INDEXES``, ``module:Class``, or "auto"; each also as NAME/N, in N shards:
            see ``choose_index``.

    Raises:
        UnknownName, MissingExtra, DataError: See ``choose_index``.
    """
    known = [history for history in histories if len(history)]
    queries = model.eval().interests_of(known).vectors.float().cpu().numpy()
    numbers = np.arange(1, model.size)
    with stage("building the index"):
        choice = choose_index(model.vectors_as_numpy, numbers, queries, name=index)
    return Recommender(model, choice.index, catalog), choice
