from .blended import BlendedSource as BlendedSource
from .index import (
    INDEXES as INDEXES,
)
from .index import (
    Choice as Choice,
)
from .index import (
    ExactIndex as ExactIndex,
)
from .index import (
    Index as Index,
)
from .index import (
    choose_index as choose_index,
)
from .index import (
    load_index as load_index,
)
from .index import (
    real_queries as real_queries,
)
from .index import (
    recall_of as recall_of,
)
from .merge import merge_candidates as merge_candidates
from .retriever import Retriever as Retriever
from .rules import (
    RuleRetriever as RuleRetriever,
)
from .rules import (
    count_pairs as count_pairs,
)
from .rules import (
    count_rules as count_rules,
)
from .rules import (
    keep_strongest as keep_strongest,
)
from .rules import (
    recency_weights as recency_weights,
)
from .sources import (
    InterestSource as InterestSource,
)
from .sources import (
    PopularSource as PopularSource,
)
from .sources import (
    Query as Query,
)
from .sources import (
    retrieve as retrieve,
)

__all__ = [
    "INDEXES",
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
    "load_index",
    "merge_candidates",
    "real_queries",
    "recall_of",
    "recency_weights",
    "retrieve",
]
