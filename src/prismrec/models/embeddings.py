"""The table of item vectors; while it trains, items of a category may share a part of theirs.

    table = ItemTable(catalog.size, 64)
    table.share(Memberships.of(indptr, ids))
    table(items)        # each its own row plus what its categories share
    table.fold()        # from now on a plain table again, of the same vectors

An item that few have taken has few events to learn from; those of its category have many. So an
item's vector is a row of its own plus Σ_c s_c / √|C|, c over the item's categories C. s starts at
0, and once training ends it is added to the rows: what is saved and served knows nothing of it.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import embedding_bag


@dataclass(frozen=True)
class ItemCategories:
    """Which items share which categories: item i is in ``ids[indptr[i]:indptr[i + 1]]``."""

    indptr: NDArray[np.int64]
    """``[V + 1]``; padding's row, 0, is empty."""
    ids: NDArray[np.int64]
    """Numbers of categories, from 0, each of at least two items."""
    number: int
    """C."""

    @classmethod
    def of(cls, indptr: NDArray[np.integer], ids: NDArray[np.integer]) -> "ItemCategories":
        """Keep the categories that several items are in: what one item has it shares with none.

        Cost: O(V + memberships).
        """
        counts = np.bincount(ids)
        owner = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
        kept = counts[ids] > 1
        found, renumbered = np.unique(ids[kept], return_inverse=True)
        lengths = np.bincount(owner[kept], minlength=len(indptr) - 1)
        bounds = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return cls(bounds, renumbered.astype(np.int64), len(found))


class ItemTable(nn.Embedding):
    """A vector for each item; padding's, row 0, is 0.

    Args:
        size: V, the number of items plus one.
        width: W of a vector.

    Cost: O(N W), where categories are shared times one more than those of an item.
    """

    indptr: Tensor
    ids: Tensor

    def __init__(self, size: int, width: int) -> None:
        super().__init__(size, width, padding_idx=0)
        self.shared: nn.Parameter | None = None

    def add_category_embeddings(self, memberships: ItemCategories) -> None:
        """Let the items of a category share a part of their vectors, 0 at first, until ``merge_category_embeddings``."""
        device = self.weight.device
        # The data set holds who is in what, so no checkpoint need.
        for name in ("indptr", "ids"):
            part = torch.from_numpy(getattr(memberships, name)).to(device)
            self.register_buffer(name, part, persistent=False)
        zeros = torch.zeros(memberships.number, self.embedding_dim, device=device)
        self.shared = nn.Parameter(zeros)

    def forward(self, items: Int[Tensor, "*N"]) -> Float[Tensor, "*N W"]:
        """Look up the vectors of some items."""
        own = super().forward(items)
        return own if self.shared is None else own + self._of_categories(items, self.shared)

    def rows(self) -> Float[Tensor, "V W"]:
        """Give every vector, by item number."""
        if self.shared is None:
            return self.weight
        everything = torch.arange(self.num_embeddings, device=self.weight.device)
        return self.weight + self._of_categories(everything, self.shared)

    def merge_category_embeddings(self) -> None:
        """Make what categories share part of the rows; no vector changes."""
        if self.shared is not None:
            with torch.no_grad():
                self.weight.copy_(self.rows())
            self.shared = None
            del self.indptr, self.ids

    def _of_categories(
        self, items: Int[Tensor, "*N"], shared: Float[Tensor, "C W"]
    ) -> Float[Tensor, "*N W"]:
        flat = items.flatten()
        begin = self.indptr[flat]
        count = self.indptr[flat + 1] - begin
        offsets = count.cumsum(0) - count
        total = int(count.sum())
        places = torch.arange(total, device=flat.device)
        places = places - (offsets - begin).repeat_interleave(count, output_size=total)
        weights = count.to(shared.dtype).rsqrt().repeat_interleave(count, output_size=total)
        found = embedding_bag(
            self.ids[places], shared, offsets, mode="sum", per_sample_weights=weights
        )
        return found.view(*items.shape, -1)
