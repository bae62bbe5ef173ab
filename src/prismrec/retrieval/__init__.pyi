from .blended import BlendedSource
from .index import (
    INDEXES,
    Choice,
    ExactIndex,
    Index,
    choose_index,
    load_index,
    real_queries,
    recall_of,
)
from .merge import merge_candidates
from .retriever import Retriever
from .rules import (
    NEIGHBOURS,
    RuleRetriever,
    count_pairs,
    count_rules,
    keep_strongest,
    keep_strongest_positive,
    recency_weights,
)
from .sources import InterestSource, PopularSource, Query, retrieve

__all__ = [
    "INDEXES",
    "NEIGHBOURS",
    "BlendedSource",
    "Choice",
    "ExactIndex",
    "Index",
    "InterestSource",
    "PopularSource",
    "Query",
    "Retriever",
    "RuleRetriever",
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
    "retrieve",
]
