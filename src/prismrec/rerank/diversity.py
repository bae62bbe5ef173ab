"""The strength λ of each user for a diversity in any unit.

    strengths_for(Diversity(target=0.8), scores, categories, k=20)      # [B]

``Diversity`` itself is a value in ``options``.
"""

import numpy as np
from jaxtyping import Float, Int

from prismrec.rerank.frontier import Frontier, frontier
from prismrec.rerank.options import Diversity


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

    Cost: nothing for a strength; one ``frontier`` per user for a target or a relevance budget.
    """
    if not diversity.needs_frontier:
        return np.full(len(scores), float(diversity.strength or 0))
    frontiers = [frontier(s, c, k) for s, c in zip(scores, categories, strict=True)]
    return np.array([_strength_on(one, diversity) for one in frontiers])


def _strength_on(frontier: Frontier, diversity: Diversity) -> float:
    """Return the strength that meets a target or a relevance budget on one frontier.

    A target that is too high gets the most diverse list.
    """
    if diversity.max_relevance_loss is not None:
        return frontier.strength_for_relevance_loss(diversity.max_relevance_loss)
    most = float(frontier.diversity[-1])
    if np.isnan(most):  # a list of fewer than two items has no pair
        return 0.0
    return frontier.strength_for_diversity(min(diversity.target or 0.0, most))
