"""The model: item vectors and an extractor.

    model = Model(catalog.size, SelfAttentive(dim=64, interests=4, max_len=50))
    interests = model(history, mask)              # Interests of whole histories
    interests = model.prefixes(history, mask)     # Interests of every prefix, for training
    scores = interests.vectors @ model.item_vectors().T

The logit of an item, in training and in serving, is the inner product of an interest from
``forward`` with the item's row of ``item_vectors``. Normalization to unit length and temperature
are applied in this file only. The bias of an item is one more number of its vector; every interest
ends with a 1 for it.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import dropout, normalize

from prismrec.errors import ConfigError
from prismrec.models.added import add_interests
from prismrec.models.arguments import check_arguments
from prismrec.models.clustering import Forming
from prismrec.models.embeddings import ItemCategories, ItemTable
from prismrec.models.extractors.base import Extractor, check_interests
from prismrec.models.forming import form_interests
from prismrec.models.histories import check_items, read_in_groups
from prismrec.models.log_normalizer import ItemSample, log_normalizers, sample_items
from prismrec.types import Interests

Similarity = Literal["dot", "cosine"]

# Threads of OpenMP do not survive a fork: with more than one, a child would wait for them forever.
os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


def _forget_sample(model: "Model", _: object) -> None:
    model._sample = None


class Model(nn.Module):
    """A table of item vectors, and an extractor that turns histories into interests.

    Args:
        size: V, the number of items plus one for padding; row 0 of the table is always 0.
        extractor: Computes interests from the item vectors of a history.
        similarity: "dot" is the inner product; "cosine" is that of unit vectors.
        temperature: Logits are divided by it; below 1 sharpens. For cosine use 0.05 to 0.1.
        dropout: Share of the numbers of each history vector that are set to 0 in training.
        tie_embeddings: Use one table for histories and for search. False adds a second table for
            search, with a bias per item.
        normalized: In evaluation, make the scores of each interest log probabilities: add its log
            prior and subtract its log normalizer over the catalog. For the readout "mixture", in
            which training does not depend on the normalizer. It costs O(B K V D) more, up to
            ``log_normalizer.MAX_ITEMS`` items; beyond, a sample of that many is summed.
        mask_history_negatives: Exclude the items of a history from its negatives in training and
            from the sums of ``normalized``. For lists that exclude them; else they rank too high.

    Raises:
        ConfigError: An impossible size, extractor, similarity, temperature or dropout.
    """

    forming: Forming | None
    """How interests are formed in evaluation: see ``formed``; None: the extractor computes them."""
    _sample: ItemSample | None

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
        check_arguments(size, extractor, similarity, temperature, dropout)
        self.extractor, self.size = extractor, size
        self.similarity, self.temperature, self.dropout = similarity, temperature, dropout
        self.normalized, self.mask_history_negatives = normalized, mask_history_negatives
        self._sample, self.forming = None, None
        self.options: dict[str, Any] = {
            "similarity": similarity, "temperature": temperature, "dropout": dropout,
            "tie_embeddings": tie_embeddings, "normalized": normalized,
            "mask_history_negatives": mask_history_negatives,
        }  # fmt: skip
        self.items = ItemTable(size, extractor.dim)
        self.outputs = None if tie_embeddings else ItemTable(size, extractor.dim + 1)  # the bias
        self._draw_item_vectors()
        self.register_load_state_dict_post_hook(_forget_sample)  # type: ignore[no-untyped-call]

    def __repr__(self) -> str:
        parts = f"{self.extractor!r}, similarity={self.similarity!r}"
        return f"Model({self.size - 1:,} items, {parts}, tie_embeddings={self.outputs is None})"

    def _draw_item_vectors(self) -> None:
        """Draw item vectors: normal, of expected length 1; the row of padding and biases are 0."""
        for table in self.tables:
            table.weight.data.normal_(std=self.items.embedding_dim**-0.5)[0] = 0
        if self.outputs is not None:
            self.outputs.weight.data[:, -1] = 0

    def set_item_vectors(
        self,
        sources: Float[Tensor, "V D"],
        outputs: Float[Tensor, "V D"],
        bias: Float[Tensor, " V"],
    ) -> None:
        """Set the table for histories, the table for search, and the bias of each item.

        The rows of padding stay 0. The mean is subtracted from the biases, which changes no
        ranking.

        Raises:
            ConfigError: The model has one table.
        """
        if self.outputs is None:
            given = "Item vectors for two tables were given to a model with one"
            raise ConfigError(f"{given}; set tie_embeddings=False, or init 'random'.")
        with torch.no_grad():
            self.items.weight[1:], self.outputs.weight[1:, :-1] = sources[1:], outputs[1:]
            self.outputs.weight[1:, -1] = bias[1:] - bias[1:].mean()
        self._sample = None

    def formed(self, forming: Forming | None) -> "Model":
        """Return a model with these weights that forms interests in evaluation; None: it does not.

        Raises:
            ConfigError: The extractor computes several interests, or scores are not normalized.
        """
        if forming and not (self.normalized and self.extractor.interests == 1):
            how = "an extractor with interests 1 and normalized=True"
            raise ConfigError(f"Interests were to be formed by {self!r}; this needs {how}.")
        model = copy(self)
        model.forming = forming
        return model

    @property
    def interests(self) -> int:
        """Number K of interests in evaluation; with ``forming`` the first is the whole history."""
        return (self.forming or self.extractor).interests

    def add_category_embeddings(self, item_categories: ItemCategories) -> None:
        """Add category embeddings to every table, until ``merge_category_embeddings``."""
        for table in self.tables:
            table.add_category_embeddings(item_categories)
        self._sample = None

    def merge_category_embeddings(self) -> None:
        """Add the category embeddings to the item vectors and remove them; no score changes."""
        for table in self.tables:
            table.merge_category_embeddings()
        self._sample = None

    @property
    def tables(self) -> Iterator[ItemTable]:
        """The tables with one row per item."""
        yield self.items
        if self.outputs is not None:
            yield self.outputs

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.items.weight.device

    def forward(
        self,
        history: Int[Tensor, "B L"],
        mask: Bool[Tensor, "B L"],
        added: Float[Tensor, "A D"] | None = None,
    ) -> Interests:
        """Return the interests of whole histories.

        Args:
            history: Item numbers, oldest first, padded on the right with 0.
            mask: True at items.
            added: Source vectors of interests to add to every history: see ``add_interests``.

        Raises:
            DataError: A number that no item has, or a history longer than ``max_len``.
        """
        check_items(history, self.size)
        items, forming = self._read(history), None if self.training else self.forming
        parts = self.extractor, items, mask
        interests = form_interests(*parts, forming) if forming else self.extractor(items, mask)
        if interests.states is None and not self.training:  # an extractor that names none
            interests = interests._replace(states=items[:, None])
        if added is not None:
            interests = add_interests(self.extractor, interests, mask, added)
        interests = self._scaled(interests)
        normalized = self.normalized and not self.training
        return self._normalized(interests, history) if normalized else interests

    def prefixes(
        self,
        history: Int[Tensor, "B L"],
        mask: Bool[Tensor, "B L"],
        read: Callable[[Tensor, Tensor], Interests] | None = None,
    ) -> Interests:
        """Return the interests of every prefix; row b · L + t ends at slot t of row b.

        ``read`` replaces ``Extractor.prefixes``. Numbers are not checked: ``train`` has done it.
        """
        found = (read or self.extractor.prefixes)(self._read(history), mask)
        check_interests(self.extractor, found, mask.numel(), mask.shape[1])
        return self._scaled(found)

    def item_vectors(self) -> Float[Tensor, "V W"]:
        """Return the vectors to search: their inner product with an interest is its logit.

        Row 0, padding, is 0. The width W is D, or D + 1 with the bias if the model has two tables.
        """
        return self._searched((self.outputs or self.items).rows())

    def vectors_of(self, items: Int[Tensor, " N"]) -> Float[Tensor, "N W"]:
        """Return the rows of ``item_vectors`` for some items; other rows are not read."""
        return self._searched((self.outputs or self.items)(items))

    def content_vectors(self, items: NDArray[np.int64]) -> Float[np.ndarray, "N D"]:
        """Return the vectors of some items as NumPy, without their biases."""
        return self.vectors_as_numpy(items)[:, : self.extractor.dim]

    @torch.no_grad()
    def vectors_as_numpy(self, items: NDArray[np.int64] | None = None) -> Float[np.ndarray, "N W"]:
        """Return the rows of ``item_vectors`` for some items as NumPy; all but padding if None."""
        rows = torch.from_numpy(np.arange(1, self.size) if items is None else items)
        return np.asarray(self.vectors_of(rows.to(self.device)).float().cpu().numpy())

    def interests_of(
        self,
        histories: Sequence[NDArray[np.int64]],
        added: Float[Tensor, "A D"] | None = None,
        states: bool = False,
    ) -> Interests:
        """Return the interests of histories of any length, without gradients; see ``forward``.

        Of each the newest ``max_len`` items are read. ``states`` are large, and None if not asked.
        """

        def read(batch: Tensor) -> Interests:
            batch = batch.to(self.device)
            interests: Interests = self(batch, batch != 0, added)
            return interests if states else interests._replace(states=None)

        with torch.no_grad():
            return read_in_groups(histories, self.extractor.max_len, read)

    def train(self, mode: bool = True) -> "Model":
        """Switch to training, or to evaluation; see ``nn.Module.train``."""
        self._sample = None  # the weights may have changed
        return super().train(mode)

    def _read(self, history: Int[Tensor, "B L"]) -> Float[Tensor, "B L D"]:
        return dropout(self.items(history), self.dropout, training=self.training)

    def _searched(self, vectors: Float[Tensor, "N W"]) -> Float[Tensor, "N W"]:
        """Normalize rows of the table if the similarity is cosine; a bias stays as it is."""
        if self.similarity == "dot":
            return vectors
        content, bias = vectors.tensor_split([self.items.embedding_dim], dim=1)
        return torch.cat([normalize(content, dim=-1), bias], dim=-1)

    def _scaled(self, interests: Interests) -> Interests:
        """Apply similarity and temperature to interests; append the 1 for the bias."""
        vectors, parts = interests.vectors, interests.parts
        if self.similarity == "cosine":
            if parts is not None:
                parts = parts / vectors[:, :1].norm(dim=-1, keepdim=True).clamp(min=1e-12)
            vectors = normalize(vectors, dim=-1)
        vectors = vectors / self.temperature
        if self.outputs is not None:
            vectors = torch.cat([vectors, interests.active[..., None].to(vectors.dtype)], dim=-1)
        parts = None if parts is None else parts / self.temperature
        return interests._replace(vectors=vectors, parts=parts)

    def _normalized(self, interests: Interests, history: Int[Tensor, "B L"]) -> Interests:
        """Make the scores of each interest log probabilities, by its bias."""
        sample = self._sample  # read once: another thread may call ``train``
        if sample is None:
            with torch.inference_mode(False), torch.no_grad():  # it outlives one call
                sample = sample_items(self.item_vectors(), has_bias=self.outputs is not None)
            self._sample = sample
        prior = interests.bias.masked_fill(~interests.active, float("-inf")).log_softmax(dim=1)
        row, number = interests.active.nonzero(as_tuple=True)
        bias = torch.zeros_like(prior)
        bias[row, number] = prior[row, number] - log_normalizers(
            interests.vectors[row, number], row, history, sample,
            mask_history=self.mask_history_negatives,
        )  # fmt: skip
        return interests._replace(bias=bias, log_prior=prior)
