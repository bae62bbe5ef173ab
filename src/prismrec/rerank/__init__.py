"""Re-rankers: from candidates to the list. NumPy only.

A re-ranker is a function ``(pool, k, *, strength) -> positions`` of one user's candidates, a
``Pool``; what it must hold to is executable, in ``tests/contract/test_rerankers.py``, which runs
over the table below. ``diversify`` is ``category`` for whole batches at once; ``frontier`` gives
every list of it, and the strength for a wanted diversity or a relevance to be lost at most.

To add one: write ``rerank/yours.py``, add a line to ``RERANKERS``.
"""

from prismrec.rerank.base import Reranker
from prismrec.rerank.build import (
    CandidateSource,
    RankedLists,
    build_lists,
    find_reranker,
    frontiers_of,
)
from prismrec.rerank.calibrated import calibrated
from prismrec.rerank.category import (
    category,
    certificate,
    diversify,
    diversity_of,
    normalize_scores,
    rescale,
    score_range,
)
from prismrec.rerank.diversity import strengths_for
from prismrec.rerank.dpp import dpp
from prismrec.rerank.frontier import Frontier, frontier
from prismrec.rerank.mmr import mmr
from prismrec.rerank.overlap import overlap
from prismrec.rerank.rerankers import RERANKERS
from prismrec.rerank.xquad import xquad

__all__ = [
    "RERANKERS",
    "CandidateSource",
    "Frontier",
    "RankedLists",
    "Reranker",
    "build_lists",
    "calibrated",
    "category",
    "certificate",
    "diversify",
    "diversity_of",
    "dpp",
    "find_reranker",
    "frontier",
    "frontiers_of",
    "mmr",
    "normalize_scores",
    "overlap",
    "rescale",
    "score_range",
    "strengths_for",
    "xquad",
]
