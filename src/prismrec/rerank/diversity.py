"""The diversity dial, in three units, and what turns candidates into a list with it.

Dial(strength=0.3)           λ, on scores brought to 0…1 for each request
Dial(diversity_target=0.8)   the least λ at which 80 % of the list's pairs differ in category
Dial(relevance_lost=0.05)    the largest λ that gives up at most 5 % of Σ score
Dial(strength=0.3, rerank="mmr")
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from prismrec.errors import ConfigError
from prismrec.registry import resolve
from prismrec.rerank.base import Reranker, check_strength
from prismrec.rerank.frontier import Frontier, frontier
from prismrec.rerank.rerankers import RERANKERS


@dataclass(frozen=True, kw_only=True)
class Dial:
    """How diverse a list is to be: one of three numbers.

    A target that the candidates cannot reach gives the most diverse list there is.

    Raises:
        ConfigError: More than one number, one out of its range, or a target in another unit than
            λ for a re-ranker that has no exact frontier.
        UnknownName: No re-ranker of that name.
    """

    strength: float | None = None
    """λ, from 0, by score alone; .05 to .5 makes categories differ more and more."""
    diversity_target: float | None = None
    """Least share of the list's pairs that differ in category, 0 to 1."""
    relevance_lost: float | None = None
    """Largest share of the list's sum of scores, brought to 0…1, to give up: 0 to 1."""
    rerank: str | Reranker = "category"
    """One of ``RERANKERS``, or ``module:function``, or a function."""

    def __post_init__(self) -> None:
        """Refuse what cannot work, before any candidate is looked at."""
        given = {n: getattr(self, n) for n in ("strength", "diversity_target", "relevance_lost")}
        given = {name: value for name, value in given.items() if value is not None}
        if len(given) > 1:
            raise ConfigError(
                f"The diversity dial was given {' and '.join(given)}; give one of them."
            )
        if self.strength is not None:
            check_strength(self.strength)
        for name in ("diversity_target", "relevance_lost"):
            share = given.get(name, 0)
            if isinstance(share, str) or not 0 <= share <= 1:
                raise ConfigError(f"The dial's {name} is {share!r}; give a share, from 0 to 1.")
        if self.rerank != "category" and given.keys() & {"diversity_target", "relevance_lost"}:
            raise ConfigError(
                f"The dial was asked for a target with the re-ranker {self.rerank!r}, and only "
                "'category' has an exact frontier; give a strength."
            )
        _ = self.reranker

    @classmethod
    def of(cls, value: "float | Dial") -> "Dial":
        """Take a number as a strength."""
        return value if isinstance(value, Dial) else cls(strength=value)

    @property
    def reranker(self) -> Reranker:
        """The function that re-ranks."""
        if isinstance(self.rerank, str):
            return resolve("re-ranker", self.rerank, RERANKERS)
        return self.rerank

    @property
    def off(self) -> bool:
        """Whether every list is the ranking by score."""
        return not (self.strength or self.diversity_target or self.relevance_lost)

    def at_least(self, strength: float) -> "Dial":
        """Give the same dial, turned up to a strength; one in another unit stays as it is."""
        if self.diversity_target is not None or self.relevance_lost is not None:
            return self
        return replace(self, strength=max(self.strength or 0.0, strength))

    def strengths(
        self, scores: Float[np.ndarray, "B M"], categories: Int[np.ndarray, "B M"], k: int
    ) -> Float[np.ndarray, " B"]:
        """Give each user's λ.

        Args:
            scores: Brought to 0…1; -inf for no candidate.
            categories: One a candidate; -1 for none.
            k: Length of the list.

        Cost: nothing for a strength; a ``frontier`` a user for a target.
        """
        if self.diversity_target is None and self.relevance_lost is None:
            return np.full(len(scores), float(self.strength or 0))
        found = [frontier(own, c, k) for own, c in zip(scores, categories, strict=True)]
        return np.array([self._on(one) for one in found])

    def _on(self, found: Frontier) -> float:
        if self.relevance_lost is not None:
            return found.strength_for_relevance(self.relevance_lost)
        most = float(found.diversity[-1])
        if np.isnan(most):  # no two items, no pair
            return 0.0
        return found.strength_for_diversity(min(self.diversity_target or 0.0, most))
