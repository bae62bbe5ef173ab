"""Re-rankers: from candidates to the list. NumPy only."""

from prismrec.rerank.category import diversify, normalised

__all__ = ["diversify", "normalised"]
