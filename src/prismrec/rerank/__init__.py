"""Re-ranking: from the candidates of a user to a diverse list.

Purpose: build the list of each user from a source of candidates (``build_lists``), and find the
strength that meets a diversity target (``Frontier``). ``diversify`` is the re-ranker ``category``
for a whole batch; its list is the optimum, and a certificate shows whether it is the optimum over
the whole catalog. The other re-rankers choose greedily for one user.
Must not depend on: anything but NumPy and ``errors``, ``types``, ``numerics``, ``registry``. It
gets candidates from a ``CandidateSource`` and knows neither models, indexes nor data sets.

To add a re-ranker: write a function ``(pool, k, *, strength) -> positions`` of one user's ``Pool``
in ``rerank/your_reranker.py``, and add a line to ``RERANKERS``; or name a function of another
package as ``module:function``. ``tests/contract/test_rerankers.py`` tests all of them.
"""

from prismrec.rerank.base import Reranker
from prismrec.rerank.build import build_lists, frontiers_of
from prismrec.rerank.calibrated import calibrated
from prismrec.rerank.candidates import CandidateSource, Ranking
from prismrec.rerank.category import (
    category,
    certificate,
    diversify,
    diversity_of,
    rescale,
    score_range,
)
from prismrec.rerank.condition_text import parse_boost, parse_conditions
from prismrec.rerank.conditions import (
    MAX_FACTOR,
    MOST_BOOSTS,
    MOST_CONDITIONS,
    MOST_VALUES,
    Boost,
    Condition,
    Missing,
)
from prismrec.rerank.dpp import dpp
from prismrec.rerank.frontier import Frontier, frontier
from prismrec.rerank.lists import RankedLists
from prismrec.rerank.mix import MixFrontier, mix_frontiers_of
from prismrec.rerank.mmr import mmr
from prismrec.rerank.options import (
    MAX_INTEREST_WEIGHT,
    AddedInterest,
    Diversity,
    Filter,
    InterestOptions,
    ListKeywords,
    ListOptions,
    check_length,
    check_strength,
)
from prismrec.rerank.overlap import overlap
from prismrec.rerank.rerankers import RERANKERS, find_reranker
from prismrec.rerank.shares import added_weights, adds_interests, weights_of
from prismrec.rerank.strength import strengths_for
from prismrec.rerank.xquad import xquad

__all__ = [
    "MAX_FACTOR",
    "MAX_INTEREST_WEIGHT",
    "MOST_BOOSTS",
    "MOST_CONDITIONS",
    "MOST_VALUES",
    "RERANKERS",
    "AddedInterest",
    "Boost",
    "CandidateSource",
    "Condition",
    "Diversity",
    "Filter",
    "Frontier",
    "InterestOptions",
    "ListKeywords",
    "ListOptions",
    "Missing",
    "MixFrontier",
    "RankedLists",
    "Ranking",
    "Reranker",
    "added_weights",
    "adds_interests",
    "build_lists",
    "calibrated",
    "category",
    "certificate",
    "check_length",
    "check_strength",
    "diversify",
    "diversity_of",
    "dpp",
    "find_reranker",
    "frontier",
    "frontiers_of",
    "mix_frontiers_of",
    "mmr",
    "overlap",
    "parse_boost",
    "parse_conditions",
    "rescale",
    "score_range",
    "strengths_for",
    "weights_of",
    "xquad",
]
