"""Indexes: from item vectors to the nearest items of a query, by inner product.

    index = ExactIndex.build(vectors, ids)
    candidates = index.search(queries, m)                  # Candidates [B, K, M]
    fewer = index.remove(ids[:3])                          # another index; this one is as it was
    index.save("books/index"); index = load_index("books/index")

    choice = choose_index(vectors, ids, interests)         # exact if small, else measured

Padding is in no index: it is built from the vectors and numbers of real items. What each must
hold to is executable: ``tests/contract/test_indexes.py`` runs over the tables.

To add one: write ``index/yours.py``, add a line to ``INDEXES``; a class whose library is optional
stands there as "module:Class". To use one without touching this package: ``yourpkg.yours:Yours``.
"""

from prismrec.retrieval.index.approximate import ApproximateIndex, QuantizedIndex, UpdatedIndex
from prismrec.retrieval.index.base import Index
from prismrec.retrieval.index.choose import (
    Choice,
    choose_index,
    real_queries,
    recall_check,
    recall_of,
    tuned,
)
from prismrec.retrieval.index.exact import ExactIndex
from prismrec.retrieval.index.sharded import Sharded
from prismrec.retrieval.index.table import COMPOSED, INDEXES, load_index

__all__ = [
    "COMPOSED",
    "INDEXES",
    "ApproximateIndex",
    "UpdatedIndex",
    "Choice",
    "ExactIndex",
    "Index",
    "QuantizedIndex",
    "Sharded",
    "choose_index",
    "load_index",
    "real_queries",
    "recall_check",
    "recall_of",
    "tuned",
]
