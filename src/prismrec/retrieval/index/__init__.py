"""Indexes: from item vectors to the items with the largest inner product with a query.

    index = ExactIndex.build(vectors, ids)
    candidates = index.search(queries, m)                  # Candidates [B, K, M]
    smaller = index.remove(ids[:3])                        # another index; ``index`` is unchanged
    index.save("books/index"); index = load_index("books/index")

    choice = choose_index(vectors, ids, interests)         # exact if small, else measured

An index contains real items only, never padding. ``tests/contract/test_indexes.py`` tests the rules
that every index must follow.

To add an index: write ``index/your_index.py`` and add a line to ``INDEXES``; write the line as
"module:Class" if the index needs an optional library. To use a class outside this package, name it
``yourpkg.your_index:YourIndex``, also when a saved index is loaded: no file triggers an import.
"""

from prismrec.retrieval.index.approximate import ApproximateIndex, QuantizedIndex, UpdatedIndex
from prismrec.retrieval.index.base import Index
from prismrec.retrieval.index.choose import (
    AUTOMATIC_INDEX,
    EXACT_UP_TO,
    IndexChoice,
    check_index,
    choose_index,
)
from prismrec.retrieval.index.exact import ExactIndex
from prismrec.retrieval.index.postgres import (
    Table,
    check_tables,
    saved_tables,
    tables_in,
)
from prismrec.retrieval.index.recall import (
    real_queries,
    recall_of,
    with_measured_budget,
)
from prismrec.retrieval.index.removal import claim_tables, places_in_use, remove_tables
from prismrec.retrieval.index.sharded import ShardedIndex
from prismrec.retrieval.index.table import COMPOSED, INDEXES, IndexName, load_index

__all__ = [
    "AUTOMATIC_INDEX",
    "COMPOSED",
    "EXACT_UP_TO",
    "INDEXES",
    "ApproximateIndex",
    "ExactIndex",
    "Index",
    "IndexChoice",
    "IndexName",
    "QuantizedIndex",
    "ShardedIndex",
    "Table",
    "UpdatedIndex",
    "check_index",
    "check_tables",
    "choose_index",
    "claim_tables",
    "load_index",
    "places_in_use",
    "real_queries",
    "recall_of",
    "remove_tables",
    "saved_tables",
    "tables_in",
    "with_measured_budget",
]
