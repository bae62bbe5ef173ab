from .blended import REFERENCE, BlendedSource
from .boosts import ScoreBoosts
from .disliked import NEAR, PENALTY
from .index import (
    AUTOMATIC_INDEX,
    EXACT_UP_TO,
    INDEXES,
    Choice,
    ExactIndex,
    Index,
    IndexName,
    Table,
    check_tables,
    choose_index,
    load_index,
    real_queries,
    recall_of,
    remove_tables,
    saved_tables,
    tables_in,
)
from .merge import merge_candidates
from .query import Found, Query, VectorsOf
from .retriever import Retriever
from .rules import (
    COUNTED_EVENTS,
    NEIGHBOURS,
    SEQUENTIAL,
    RuleRetriever,
    count_pairs,
    count_rules,
    keep_strongest,
    keep_strongest_positive,
    recency_weights,
)
from .search import retrieve
from .sources import InterestSource, PopularSource

__all__ = [
    "AUTOMATIC_INDEX",
    "COUNTED_EVENTS",
    "EXACT_UP_TO",
    "INDEXES",
    "NEAR",
    "NEIGHBOURS",
    "PENALTY",
    "REFERENCE",
    "SEQUENTIAL",
    "BlendedSource",
    "Choice",
    "ExactIndex",
    "Found",
    "Index",
    "IndexName",
    "InterestSource",
    "PopularSource",
    "Query",
    "Retriever",
    "RuleRetriever",
    "ScoreBoosts",
    "Table",
    "VectorsOf",
    "check_tables",
    "choose_index",
    "count_pairs",
    "count_rules",
    "keep_strongest",
    "keep_strongest_positive",
    "load_index",
    "merge_candidates",
    "real_queries",
    "recall_of",
    "recency_weights",
    "remove_tables",
    "retrieve",
    "saved_tables",
    "tables_in",
]
