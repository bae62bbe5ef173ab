"""Table of item vectors, with optional category embeddings during training.

    table = ItemTable(catalog.size, 64)
    table.add_category_embeddings(ItemCategories.of(indptr, ids))
    table(items)        # own row plus the embeddings of the item's categories
    table.merge_category_embeddings()        # a plain table again, with the same vectors

A rare item has few events to learn from, but its categories have many. So the vector of an item is
its own row plus Σ_c s_c / √|C|, over the categories c in the set C of the item. s starts at 0. When
training ends, it is added to the rows, so a saved model has no category embeddings.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import embedding, embedding_bag


@dataclass(frozen=True, repr=False)
class ItemCategories:
    """Categories that several items have: item i has ``ids[indptr[i]:indptr[i + 1]]``."""

    indptr: NDArray[np.int64]
    """``[V + 1]``; the row of padding, 0, is empty."""
    ids: NDArray[np.int64]
    """Category numbers from 0; each occurs at two items or more."""
    number: int
    """Number of categories C."""

    @classmethod
    def of(cls, indptr: NDArray[np.integer], ids: NDArray[np.integer]) -> "ItemCategories":
        """Build from the categories of all items; drop those that only one item has.

        Cost: O(V + len(ids)).
        """
        counts = np.bincount(ids)
        item = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
        kept = counts[ids] > 1
        names, renumbered = np.unique(ids[kept], return_inverse=True)
        lengths = np.bincount(item[kept], minlength=len(indptr) - 1)
        bounds = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return cls(bounds, renumbered.astype(np.int64), len(names))

    def __repr__(self) -> str:
        """Return the sizes."""
        return f"ItemCategories({len(self.indptr) - 2:,} items, {self.number:,} shared categories)"


class FetchedRows:
    """Some rows of a table whose other rows are elsewhere.

    Args:
        items: ``[N]``, item numbers, ascending, each once; the first is 0, padding.
        rows: ``[N, W]``, their vectors.
    """

    def __init__(self, items: Int[Tensor, " N"], rows: Float[Tensor, "N W"]) -> None:
        self.items, self.rows = items, rows.requires_grad_()

    def vectors_of(self, items: Int[Tensor, "*B"]) -> Float[Tensor, "*B W"]:
        """Return the vectors of some of these items.

        Raises:
            IndexError: An item is not among them.
        """
        places = torch.searchsorted(self.items, items.contiguous())
        places = places.clamp(max=len(self.items) - 1)
        if not torch.equal(self.items[places], items):
            raise IndexError(
                "A step reads an item whose vector was not fetched from the other processes; train "
                "with sharded off."
            )
        return embedding(places, self.rows, padding_idx=0)


class ItemTable(nn.Embedding):
    """One vector per item; row 0, of padding, is 0.

    Args:
        size: V, the number of items plus one.
        width: Width W of a vector.

    Cost: O(N W) per lookup; with category embeddings times one plus the categories per item.
    """

    indptr: Tensor
    ids: Tensor

    def __init__(self, size: int, width: int) -> None:
        super().__init__(size, width, padding_idx=0)
        self.shared: nn.Parameter | None = None
        self.fetched: FetchedRows | None = None
        """The rows that a step reads, if the table is divided among processes."""

    def add_category_embeddings(self, item_categories: ItemCategories) -> None:
        """Add one embedding per category, 0 at first, until ``merge_category_embeddings``."""
        device = self.weight.device
        # Not persistent: the data set has the categories, so a checkpoint does not need them.
        for name in ("indptr", "ids"):
            part = torch.from_numpy(getattr(item_categories, name)).to(device)
            self.register_buffer(name, part, persistent=False)
        zeros = torch.zeros(item_categories.number, self.embedding_dim, device=device)
        self.shared = nn.Parameter(zeros)

    def forward(self, items: Int[Tensor, "*N"]) -> Float[Tensor, "*N W"]:
        """Return the vectors of some items."""
        fetched = self.fetched
        rows = super().forward(items) if fetched is None else fetched.vectors_of(items)
        return rows if self.shared is None else rows + self._of_categories(items, self.shared)

    def rows(self) -> Float[Tensor, "V W"]:
        """Return the vectors of all items, by item number."""
        if self.shared is None:
            return self.weight
        everything = torch.arange(self.num_embeddings, device=self.weight.device)
        return self.weight + self._of_categories(everything, self.shared)

    def merge_category_embeddings(self) -> None:
        """Add the category embeddings to the rows and remove them; no vector changes."""
        if self.shared is not None:
            with torch.no_grad():
                self.weight.copy_(self.rows())
            self.shared = None
            del self.indptr, self.ids

    def _of_categories(
        self, items: Int[Tensor, "*N"], shared: Float[Tensor, "C W"]
    ) -> Float[Tensor, "*N W"]:
        """Return the scaled sum of the category embeddings of each item."""
        flat = items.flatten()
        begin = self.indptr[flat]
        count = self.indptr[flat + 1] - begin
        offsets = count.cumsum(0) - count
        total = int(count.sum())
        places = torch.arange(total, device=flat.device)
        places = places - (offsets - begin).repeat_interleave(count, output_size=total)
        weights = count.to(shared.dtype).rsqrt().repeat_interleave(count, output_size=total)
        sums = embedding_bag(
            self.ids[places], shared, offsets, mode="sum", per_sample_weights=weights
        )
        return sums.view(*items.shape, -1)
