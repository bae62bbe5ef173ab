"""The strength λ of each user for a diversity in any unit.

    strengths_for(Diversity(target=0.8), scores, categories, k=20)      # [B]

``Diversity`` itself is a value in ``options``.
"""

import numpy as np
from jaxtyping import Float, Int

from prismrec.rerank.options import Diversity
from prismrec.rerank.strength import strength_for


def strengths_for(
    diversity: Diversity,
    scores: Float[np.ndarray, "B M"],
    categories: Int[np.ndarray, "B M"],
    k: int,
) -> Float[np.ndarray, " B"]:
    """Return the strength λ of each user.

    Args:
        diversity: A strength, a target or a relevance budget.
        scores: Scaled to 0…1; -inf for no candidate.
        categories: One per candidate; -1 for none.
        k: Length of the list.

    Cost: nothing for a strength; see ``strength_for`` for a target or a relevance budget.
    """
    if not diversity.has_target:
        return np.full(len(scores), float(diversity.strength or 0))
    users = zip(scores, categories, strict=True)
    return np.array([strength_for(diversity, *user, k) for user in users])
