"""Re-rankers: from candidates to the list. NumPy only.

A re-ranker is a function ``(pool, k, *, strength) -> positions`` of one user's candidates, a
``Pool``; what it must hold to is executable, in ``tests/contract/test_rerankers.py``, which runs
over the table below. ``diversify`` is ``category`` for whole batches at once; ``frontier`` gives
every list of it, and the strength for a wanted diversity or a relevance to be lost at most.

To add one: write ``rerank/yours.py``, add a line to ``RERANKERS``.
"""

from prismrec.rerank.base import Pool, Reranker
from prismrec.rerank.calibrated import calibrated
from prismrec.rerank.category import category, certificate, diversify, normalised
from prismrec.rerank.dpp import dpp
from prismrec.rerank.frontier import Frontier, frontier
from prismrec.rerank.mmr import mmr
from prismrec.rerank.overlap import overlap
from prismrec.rerank.xquad import xquad

RERANKERS: dict[str, Reranker] = {
    "calibrated": calibrated,
    "category": category,
    "dpp": dpp,
    "mmr": mmr,
    "overlap": overlap,
    "xquad": xquad,
}

__all__ = [
    "RERANKERS",
    "Frontier",
    "Pool",
    "Reranker",
    "calibrated",
    "category",
    "certificate",
    "diversify",
    "dpp",
    "frontier",
    "mmr",
    "normalised",
    "overlap",
    "xquad",
]
