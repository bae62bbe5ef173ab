"""Indexes: from item vectors to the nearest items of a query, by inner product.

    index = ExactIndex.build(vectors, ids)
    candidates = index.search(queries, m)        # Candidates [B, K, M]

Padding is in no index: it is built from the vectors and numbers of real items.
"""

from prismrec.index.base import Index
from prismrec.index.exact import ExactIndex

INDEXES: dict[str, type[Index]] = {"exact": ExactIndex}

__all__ = ["INDEXES", "ExactIndex", "Index"]
