"""What every index does."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int

from prismrec.types import Candidates


class Index(ABC):
    """Finds the items whose vectors have the largest inner product with a query."""

    exact: ClassVar[bool]
    """Whether it always finds the very largest."""

    @classmethod
    @abstractmethod
    def build(cls, vectors: Float[np.ndarray, "N D"], ids: Int[np.ndarray, " N"]) -> "Index":
        """Index some item vectors under their item numbers, distinct and above 0."""

    @abstractmethod
    def search(self, queries: Float[np.ndarray, "B K D"], m: int) -> Candidates:
        """Give the m best items of each query, best first, ties by item number."""
