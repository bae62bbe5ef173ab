"""The model: item vectors and an extractor.

    model = Model(catalog.size, SelfAttentive(dim=64, interests=4, max_len=50))
    interests = model(history, mask)              # Interests of whole histories
    interests = model.prefixes(history, mask)     # Interests of every prefix: training
    scores = interests.vectors @ model.item_vectors().T

An inner product of what ``forward`` gives with a row of ``item_vectors`` is the logit, in
training and in serving alike: scaling to unit length and temperature happen here and nowhere
else. So does an item's bias, where there is one: it is one more number of the item's vector, and
meets a 1 at the end of every interest.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import dropout, normalize

from prismrec.errors import ConfigError, DataError
from prismrec.models.chunked_softmax import find_hits, mask_hits
from prismrec.models.embeddings import ItemCategories, ItemTable
from prismrec.models.extractors.base import Extractor
from prismrec.types import Interests

Similarity = Literal["dot", "cosine"]
SCORES_HELD = 1 << 22
"""Scores held at once where interests are normalized: 16 MiB."""
SUMMED = 1 << 14
"""Items that a partition is summed over at most. On Beauty's 12 101 items samples down to 512
changed no metric by more than .0003 (docs/lab.md)."""


class Model(nn.Module):
    """A table of item vectors, and an extractor that reads histories through it.

    Args:
        size: V, the number of items plus one for padding; row 0 of the table is 0, always.
        extractor: From the history's vectors to interests.
        similarity: "dot" scores by the inner product; "cosine" by that of unit vectors.
        temperature: Logits are divided by it; below 1 sharpens. Cosine needs one of .05 to .1.
        dropout: Share of each history vector's numbers set to 0 in training.
        tie_embeddings: Search the same item vectors that histories are read through. False searches
            a second table, which has a bias per item.
        normalized: In evaluation each interest's scores are log probabilities: prior, less the
            log of its scores' summed exponentials over the catalog. For the mixture readout,
            under which an interest's own partition does not matter in training. Costs a forward
            pass O(B K V D) time, up to ``SUMMED`` items; beyond, the sum is taken over a sample
            of so many, by their biases.
        strike_seen: Strike a history's items from what they compete with: from the negatives in
            training and from the sums of ``normalized``. For lists that leave them out anyway;
            on others they stand higher than they deserve.

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
        tie_embeddings: bool = True,
        normalized: bool = False,
        mask_history_negatives: bool = False,
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
        self.normalized, self.mask_history_negatives = normalized, mask_history_negatives
        self._drawn: tuple[Tensor, Tensor, Tensor] | None = None
        self.options = {
            "similarity": similarity,
            "temperature": temperature,
            "dropout": dropout,
            "tie_embeddings": tie_embeddings,
            "normalized": normalized,
            "mask_history_negatives": mask_history_negatives,
        }
        self.items = ItemTable(size, extractor.dim)
        self.outputs: ItemTable | None = None
        if not tie_embeddings:  # the last number is the bias
            self.outputs = ItemTable(size, extractor.dim + 1)
        self.reset_items()

    def reset_items(self) -> None:
        """Draw the item vectors anew: normal, of expected length 1; padding's row is 0."""
        with torch.no_grad():
            for table in self.tables:
                table.weight.normal_(std=self.items.embedding_dim**-0.5)
                table.weight[0] = 0
            if self.outputs is not None:
                self.outputs.weight[:, -1] = 0

    def set_item_vectors(
        self,
        sources: Float[Tensor, "V D"],
        outputs: Float[Tensor, "V D"],
        bias: Float[Tensor, " V"],
    ) -> None:
        """Set the tables: what a history's item says, what is searched, each item's bias.

        Padding's rows stay 0. The bias is centred, which changes no answer.

        Raises:
            ConfigError: The model is not untied, and so has one table.
        """
        if self.outputs is None:
            raise ConfigError(
                "start_from was asked of a model with one table; set tie_embeddings=False."
            )
        with torch.no_grad():
            self.items.weight[1:] = sources[1:]
            self.outputs.weight[1:, :-1] = outputs[1:]
            self.outputs.weight[1:, -1] = bias[1:] - bias[1:].mean()

    def add_category_embeddings(self, memberships: ItemCategories) -> None:
        """Let items of a category share a part of their vectors, in every table, until ``merge_category_embeddings``."""
        for table in self.tables:
            table.add_category_embeddings(memberships)
        self._drawn = None

    def merge_category_embeddings(self) -> None:
        """Make what categories share part of each item's own vector; no answer changes."""
        for table in self.tables:
            table.merge_category_embeddings()
        self._drawn = None

    @property
    def tables(self) -> Iterator[ItemTable]:
        """The tables with a row for each item."""
        yield self.items
        if self.outputs is not None:
            yield self.outputs

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
        interests = self._scaled(self.extractor(self._read(history), mask))
        if self.normalized and not self.training:
            return self._normalized(interests, history)
        return interests

    def prefixes(self, history: Int[Tensor, "B L"], mask: Bool[Tensor, "B L"]) -> Interests:
        """Give the interests of every prefix; row b · L + t ends at slot t of row b.

        Item numbers are not checked here: ``train`` has checked them all, once.
        """
        return self._scaled(self.extractor.prefixes(self._read(history), mask))

    def item_vectors(self) -> Float[Tensor, "V W"]:
        """Give what is searched: the vectors whose inner product with an interest is its logit.

        Row 0, padding, is 0. Their width W is D, or D + 1 with the bias of an untied model.
        """
        return self._searched((self.outputs or self.items).rows())

    def vectors_of(self, items: Int[Tensor, " N"]) -> Float[Tensor, "N W"]:
        """Give the rows of ``item_vectors`` for some items, reading only those."""
        return self._searched((self.outputs or self.items)(items))

    def content_vectors(self, items: NDArray[np.int64]) -> Float[np.ndarray, "N D"]:
        """Return the vectors of some items as NumPy, without their biases: what they are like."""
        return self.vectors_as_numpy(items)[:, : self.extractor.dim]

    def vectors_as_numpy(self, items: NDArray[np.int64] | None = None) -> Float[np.ndarray, "N W"]:
        """Return the rows of ``item_vectors`` for some items as NumPy; all but padding if None."""
        numbers = np.arange(1, self.size) if items is None else items
        with torch.no_grad():
            asked = torch.from_numpy(numbers).to(self.device)
            vectors: NDArray[np.float32] = self.vectors_of(asked).float().cpu().numpy()
        return vectors

    def interests_of(self, histories: Sequence[NDArray[np.int64]]) -> Interests:
        """Return the interests of histories of any length: one forward pass, without gradients.

        Args:
            histories: Item numbers, oldest first; the newest ``max_len`` of each are read.
        """
        longest = self.extractor.max_len
        newest = [history[-longest:] for history in histories]
        width = max((len(history) for history in newest), default=0) or 1
        padded = np.zeros((len(newest), width), dtype=np.int64)
        for row, history in enumerate(newest):
            padded[row, : len(history)] = history
        batch = torch.from_numpy(padded).to(self.device)
        with torch.no_grad():
            found: Interests = self(batch, batch != 0)
        return found

    def _read(self, history: Int[Tensor, "B L"]) -> Float[Tensor, "B L D"]:
        return dropout(self.items(history), self.dropout, training=self.training)

    def _searched(self, vectors: Float[Tensor, "N W"]) -> Float[Tensor, "N W"]:
        if self.similarity == "dot":
            return vectors
        width = self.items.embedding_dim
        return torch.cat([normalize(vectors[:, :width], dim=-1), vectors[:, width:]], dim=-1)

    def _scaled(self, interests: Interests) -> Interests:
        vectors = interests.vectors
        if self.similarity == "cosine":
            vectors = normalize(vectors, dim=-1)
        vectors = vectors / self.temperature
        if self.outputs is not None:
            meets_bias = interests.active[..., None].to(vectors.dtype)
            vectors = torch.cat([vectors, meets_bias], dim=-1)
        return interests._replace(vectors=vectors)

    def train(self, mode: bool = True) -> "Model":
        """Turn to training, or to evaluation; either way the weights may have changed."""
        self._drawn = None
        return super().train(mode)

    def _summed(self) -> tuple[Int[Tensor, " S"], Float[Tensor, "S W"], Float[Tensor, " S"]]:
        """Give the items that partitions are summed over, their vectors and log weights.

        All, or ``SUMMED`` spread evenly over the catalog by the exponentials of their biases:
        what an interest likes is then drawn the oftener, the more it would weigh by itself.
        """
        if self._drawn is None:
            device, number = self.device, min(SUMMED, self.size - 1)
            vectors = self.item_vectors().detach()
            if number == self.size - 1:
                everything = torch.arange(1, self.size, device=device)
                self._drawn = everything, vectors[1:], torch.zeros(number, device=device)
                return self._drawn
            bias = torch.zeros(self.size - 1, dtype=torch.float64, device=device)
            if self.outputs is not None:
                bias += vectors[1:, -1]
            share = bias.softmax(dim=0)
            edges = share.cumsum(0)
            points = (torch.arange(number, device=device) + 0.5) / number * edges[-1]
            items = torch.searchsorted(edges, points)
            log_weight = -(share[items] * number).log().float()
            self._drawn = items + 1, vectors[items + 1], log_weight
        return self._drawn

    def _normalized(self, interests: Interests, history: Int[Tensor, "B L"]) -> Interests:
        prior = interests.bias.masked_fill(~interests.active, float("-inf")).log_softmax(dim=1)
        bias = prior - self._partitions(interests.vectors, history)
        return interests._replace(bias=bias.masked_fill(~interests.active, 0))

    def _partitions(
        self, vectors: Float[Tensor, "B K W"], history: Int[Tensor, "B L"]
    ) -> Float[Tensor, "B K"]:
        """Give the log of each interest's summed exponentials; 0 where no item is left to sum."""
        ids, items, log_weight = self._summed()
        number, k, _ = vectors.shape
        hits = find_hits(history, ids) if self.mask_history_negatives else None
        rows = max(1, SCORES_HELD // (k * len(items)))
        found = []
        for start in range(0, max(number, 1), rows):
            part = slice(start, min(start + rows, number))
            scores = vectors[part].flatten(0, 1) @ items.T + log_weight
            if hits is not None:
                mask_hits(scores, hits, part, k)
            found.append(scores.logsumexp(dim=-1))
        partitions = torch.cat(found).view(number, k)
        return partitions.masked_fill(torch.isneginf(partitions), 0)
