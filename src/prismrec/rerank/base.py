"""What every re-ranker takes, and the greedy choice that most of them share.

    pool = Pool(scores=scores, vectors=vectors)          # one user's candidates
    chosen = RERANKERS["mmr"](pool, 20, strength=0.3)    # positions into the pool, best first

A list is worth the sum of its scores plus ``strength`` times what the re-ranker is after
(different categories, a mix like the history's, ...): 0 is the ranking by score, and the unit of
``strength`` is that of the scores (``normalize_scores`` makes it the same for everyone). Where a paper
weighs the two as (1 - λ) and λ, its λ is strength / (1 + strength).
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from prismrec.errors import ConfigError
from prismrec.types import Pool, check_length, check_strength

T = TypeVar("T")


class Reranker(Protocol):
    """From a pool to the list: what ``RERANKERS`` holds."""

    def __call__(self, pool: Pool, k: int, *, strength: float) -> NDArray[np.int64]:
        """Choose min(k, candidates) positions of the pool, best first, each once.

        Strength 0 ranks by score; ties go to the earlier position. The pool is left as it is.

        Raises:
            ConfigError: ``k`` below 1, an impossible ``strength``, or a pool without the part
                that this re-ranker reads.
        """


def require_part(part: T | None, name: str, reader: str) -> T:
    """Give the pool's ``part``, or say that ``reader`` cannot do without it: ConfigError."""
    if part is None:
        raise ConfigError(
            f"The re-ranker {reader!r} reads the pool's {name}, and it has none; "
            f"make it with Pool({name}=…), or choose another re-ranker."
        )
    return part


def greedy(
    pool: Pool,
    k: int,
    *,
    strength: float,
    first: NDArray[np.float64],
    after: Callable[[int], NDArray[np.float64]],
) -> NDArray[np.int64]:
    """Grow the list by the candidate of the largest score + strength * gain, until k are in it.

    Args:
        pool: The candidates.
        k: Length of the list; shorter if there are fewer candidates.
        strength: Weight of the gain, 0 or more.
        first: ``[M]``: what each candidate adds to an empty list; finite.
        after: Told which candidate was just chosen, gives what each adds now; finite. It is
            asked once after each choice, in order, so it may keep a running state.

    Returns:
        Positions in the order chosen; ties go to the earlier one.

    Cost: O(k M) beside ``after``.
    """
    check_length(k)
    check_strength(strength)
    left = pool.scores.astype(np.float64)  # a copy: those chosen are struck out of it
    chosen = np.empty(min(k, int((left > -np.inf).sum())), dtype=np.int64)
    gain = first
    for place in range(len(chosen)):
        best = int((left + strength * gain).argmax())
        chosen[place] = best
        left[best] = -np.inf
        gain = after(best)
    return chosen
