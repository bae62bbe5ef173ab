"""The model: item vectors and an extractor.

    model = Model(catalog.size, SelfAttentive(dim=64, interests=4, max_len=50))
    interests = model(history, mask)              # Interests of whole histories
    interests = model.prefixes(history, mask)     # Interests of every prefix: training
    scores = interests.vectors @ model.item_vectors().T

An inner product of what ``forward`` gives with a row of ``item_vectors`` is the logit, in
training and in serving alike: scaling to unit length and temperature happen here and nowhere
else.
"""

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import dropout, normalize

from prismrec.errors import ConfigError, DataError
from prismrec.extractors.base import Extractor
from prismrec.types import Interests

Similarity = Literal["dot", "cosine"]


class Model(nn.Module):
    """A table of item vectors, and an extractor that reads histories through it.

    Args:
        size: V, the number of items plus one for padding; row 0 of the table is 0, always.
        extractor: From the history's vectors to interests.
        similarity: "dot" scores by the inner product; "cosine" by that of unit vectors.
        temperature: Logits are divided by it; below 1 sharpens. Cosine needs one of .05 to .1.
        dropout: Share of each history vector's numbers set to 0 in training.
        sparse: Gradients of the table touch only the rows that a step reads; for large catalogs
            with sampled negatives (see ``training.optimizer_of``).

    Raises:
        ConfigError: An impossible size, similarity, temperature or dropout.
    """

    def __init__(
        self,
        size: int,
        extractor: Extractor,
        *,
        similarity: Similarity = "dot",
        temperature: float = 1.0,
        dropout: float = 0.0,
        sparse: bool = False,
    ) -> None:
        super().__init__()
        if size < 2:
            raise ConfigError(f"size is {size}; a model needs padding and at least one item: 2.")
        if similarity not in ("dot", "cosine"):
            raise ConfigError(f"similarity is {similarity!r}; it must be 'dot' or 'cosine'.")
        if not (temperature > 0 and math.isfinite(temperature)):
            raise ConfigError(f"temperature is {temperature}; it must be above 0, often .05 to 1.")
        if not 0 <= dropout < 1:
            raise ConfigError(f"dropout is {dropout}; it must be at least 0 and below 1.")
        self.extractor, self.size = extractor, size
        self.similarity, self.temperature, self.dropout = similarity, temperature, dropout
        self.options = {
            "similarity": similarity,
            "temperature": temperature,
            "dropout": dropout,
            "sparse": sparse,
        }
        self.items = nn.Embedding(size, extractor.dim, padding_idx=0, sparse=sparse)
        self.reset_items()

    def reset_items(self) -> None:
        """Draw the item vectors anew: normal, of expected length 1; padding's row is 0."""
        with torch.no_grad():
            self.items.weight.normal_(std=self.items.embedding_dim**-0.5)
            self.items.weight[0] = 0

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.items.weight.device

    def forward(self, history: Int[Tensor, "B L"], mask: Bool[Tensor, "B L"]) -> Interests:
        """Give the interests of whole histories.

        Args:
            history: Item numbers, oldest first, padded on the right with 0.
            mask: True at items.

        Raises:
            DataError: A number that is no item's, or a history longer than ``max_len``.
        """
        highest = int(history.max()) if history.numel() else 0
        if highest >= self.size or (history.numel() and int(history.min()) < 0):
            wrong = highest if highest >= self.size else int(history.min())
            raise DataError(
                f"A history holds item number {wrong}, but this model knows 1 to {self.size - 1}; "
                "map ids with the catalog it was trained on."
            )
        return self._scaled(self.extractor(self._read(history), mask))

    def prefixes(self, history: Int[Tensor, "B L"], mask: Bool[Tensor, "B L"]) -> Interests:
        """Give the interests of every prefix; row b · L + t ends at slot t of row b.

        Item numbers are not checked here: ``train`` has checked them all, once.
        """
        return self._scaled(self.extractor.prefixes(self._read(history), mask))

    def item_vectors(self) -> Float[Tensor, "V D"]:
        """Give what is searched: the vectors whose inner product with an interest is its logit.

        Row 0, padding, is 0.
        """
        return self._searched(self.items.weight)

    def vectors_of(self, items: Int[Tensor, " N"]) -> Float[Tensor, "N D"]:
        """Give the rows of ``item_vectors`` for some items, reading only those."""
        return self._searched(self.items(items))

    def _read(self, history: Int[Tensor, "B L"]) -> Float[Tensor, "B L D"]:
        return dropout(self.items(history), self.dropout, training=self.training)

    def _searched(self, vectors: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
        return normalize(vectors, dim=-1) if self.similarity == "cosine" else vectors

    def _scaled(self, interests: Interests) -> Interests:
        vectors = interests.vectors
        if self.similarity == "cosine":
            vectors = normalize(vectors, dim=-1)
        return interests._replace(vectors=vectors / self.temperature)
