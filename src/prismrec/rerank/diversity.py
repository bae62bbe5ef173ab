"""The strength λ of each user for a diversity in any unit.

    strengths_for(Diversity(target=0.8), scores, categories, k=20).strength      # [B]

``Diversity`` itself is a value in ``options``.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from prismrec.rerank.options import Diversity
from prismrec.rerank.strength import strength_for


class Strengths(NamedTuple):
    """The strengths λ of B users."""

    strength: Float[np.ndarray, " B"]
    proof: Float[np.ndarray, " B"]
    """See ``Strength``."""


def strengths_for(
    diversity: Diversity,
    scores: Float[np.ndarray, "B M"],
    categories: Int[np.ndarray, "B M"],
    k: int,
) -> Strengths:
    """Return the strength λ of each user.

    Args:
        diversity: A strength, a target or a relevance budget.
        scores: Scaled to 0…1; -inf for no candidate.
        categories: One per candidate; -1 for none.
        k: Length of the list.

    Cost: nothing for a strength; see ``strength_for`` for a target or a relevance budget.
    """
    if not diversity.has_target:
        given = np.full(len(scores), float(diversity.strength or 0))
        return Strengths(given, given)
    users = zip(scores, categories, strict=True)
    found = [strength_for(diversity, *user, k) for user in users]
    return Strengths(*np.array(found, dtype=np.float64).reshape(-1, 2).T)
