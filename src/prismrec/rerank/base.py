"""The interface of a re-ranker, and the greedy choice that most re-rankers use.

    pool = Pool(scores=scores, vectors=vectors)          # the candidates of one user
    chosen = RERANKERS["mmr"](pool, 20, strength=0.3)    # positions in the pool, best first

The value of a list is the sum of its scores plus ``strength`` times the quantity that the re-ranker
maximizes: how many categories differ, how well categories match the history, and so on. Strength 0
is the ranking by score. The unit of ``strength`` is that of the scores; it is the same for all
users if their scores are scaled to 0…1. If a paper uses the weights (1 - λ) and λ, its λ is
strength / (1 + strength).
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from prismrec.errors import ConfigError
from prismrec.rerank.options import check_length, check_strength
from prismrec.types import Pool

T = TypeVar("T")


class Reranker(Protocol):
    """The type of a re-ranker: a function from a pool of candidates to a list."""

    def __call__(self, pool: Pool, k: int, *, strength: float) -> NDArray[np.int64]:
        """Choose min(k, candidates) positions of the pool, best first, each once.

        Strength 0 ranks by score; ties go to the earlier position. The pool is not changed.

        Raises:
            ConfigError: ``k`` is below 1, ``strength`` is out of its range, or the pool lacks the
                part that this re-ranker reads.
        """


def require_part(part: T | None, name: str, reranker: str) -> T:
    """Return a part of a pool.

    Raises:
        ConfigError: The pool does not have the part.
    """
    if part is None:
        raise ConfigError(
            f"The re-ranker {reranker!r} reads {name}, but the pool has none; "
            f"make the pool with Pool({name}=…), or choose another re-ranker."
        )
    return part


def greedy(
    pool: Pool,
    k: int,
    *,
    strength: float,
    first_gain: NDArray[np.float64],
    next_gain: Callable[[int], NDArray[np.float64]],
) -> NDArray[np.int64]:
    """Add the candidate with the largest score + strength * gain to the list, k times.

    Args:
        pool: The candidates.
        k: Length of the list; shorter if there are fewer candidates.
        strength: Weight of the gain, 0 or more.
        first_gain: ``[M]``: the gain of each candidate for an empty list; finite.
        next_gain: Returns the gain of each candidate, ``[M]``, after the candidate at a position
            was chosen; finite. It is called once per choice, in order, so it may keep a state.

    Returns:
        Positions in the order of choice; ties go to the earlier position.

    Cost: O(k M), and k calls of ``next_gain``.
    """
    check_length(k)
    check_strength(strength)
    left = pool.scores.astype(np.float64)  # a copy; chosen candidates become -inf in it
    chosen = np.empty(min(k, int((left > -np.inf).sum())), dtype=np.int64)
    gain = first_gain
    for rank in range(len(chosen)):
        best = int((left + strength * gain).argmax())
        chosen[rank] = best
        left[best] = -np.inf
        gain = next_gain(best)
    return chosen
