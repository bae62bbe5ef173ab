"""The re-rankers by name, and the lists that they make.

To add one: write ``rerank/your_reranker.py`` and add a line to the table.
"""

from typing import Any

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from prismrec.errors import ConfigError
from prismrec.registry import resolve
from prismrec.rerank.base import Reranker
from prismrec.rerank.calibrated import calibrated
from prismrec.rerank.candidates import CandidateSource, SteeredCandidates
from prismrec.rerank.category import category
from prismrec.rerank.dpp import dpp
from prismrec.rerank.mmr import mmr
from prismrec.rerank.options import ListOptions
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


def find_reranker(rerank: str) -> Reranker:
    """Return the re-ranker of a name or of ``module:function``.

    Raises:
        UnknownName: There is no re-ranker of that name.
        ConfigError: The object at ``module:function`` cannot be called.
    """
    reranker = resolve("re-ranker", rerank, RERANKERS)
    if not callable(reranker):
        raise ConfigError(
            f"The re-ranker {rerank!r} is of type {type(reranker).__name__}, which cannot be "
            "called; name a function (pool, k, *, strength)."
        )
    return reranker


def rerank_each(
    rows: NDArray[np.int64],
    candidates: SteeredCandidates,
    options: ListOptions,
    source: CandidateSource,
    *,
    strength: float,
) -> Int[np.ndarray, "R k"]:
    """Return the lists of a re-ranker other than ``category``, user by user.

    The pool of a user has all candidates with a finite relevance; without any the list is empty.

    Raises:
        ConfigError: The re-ranker returns something else than min(k, candidates) distinct
            positions.
    """
    reranker, k = find_reranker(options.rerank), options.k
    lists = np.full((len(rows), k), -1, dtype=np.int64)
    for at, row in enumerate(rows.tolist()):
        relevance = candidates.relevance[at]
        order = np.argsort(-relevance, kind="stable")[: np.isfinite(relevance).sum()]
        if not len(order):
            continue
        pool = source.pool(row, candidates.ranked.items[at, order], relevance[order])
        chosen = np.asarray(reranker(pool, k, strength=strength))
        if not _are_positions(chosen, len(order), min(k, len(order))):
            raise ConfigError(
                f"The re-ranker {options.rerank!r} returned {str(chosen.tolist())[:80]} for a pool "
                f"of {len(order)} candidates and k {k}; return min(k, candidates) distinct "
                "positions of the pool, as an array of integers."
            )
        lists[at, : len(chosen)] = order[chosen.astype(np.int64)]
    return lists


def _are_positions(chosen: NDArray[Any], candidates: int, length: int) -> bool:
    """Return whether an array has that many distinct positions of the candidates."""
    if chosen.shape != (length,) or chosen.dtype.kind not in "iu":
        return False
    inside = (chosen >= 0) & (chosen < candidates)
    return bool(inside.all()) and len(set(chosen.tolist())) == len(chosen)
