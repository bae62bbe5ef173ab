"""Mean pool: the simplest model with one interest, a baseline for multi-interest models.

Source: Covington et al., "Deep Neural Networks for YouTube Recommendations", RecSys 2016,
reduced to the form that the ComiRec authors compare with; their code, src/model.py, Model_DNN.
"""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from prismrec.models.extractors.base import Extractor, prefix_mask, without_prior
from prismrec.types import Interests


class MeanPool(Extractor):
    """The mean of the history's item vectors, through one linear layer.

    Args:
        dim: Width D of item and interest vectors.
        interests: 1.
        max_len: Longest history L.
        linear: Apply W·mean + b. It starts as the identity, so an untrained model recommends items
            near the mean of the history.

    Cost: O(B L D + B D²) time; ``prefixes`` O(B L² D + B L D²).
    """

    single = True

    def __init__(self, *, dim: int, interests: int, max_len: int, linear: bool = True) -> None:
        super().__init__(dim=dim, interests=interests, max_len=max_len)
        self.linear = nn.Linear(dim, dim) if linear else None
        if self.linear is not None:
            nn.init.eye_(self.linear.weight)
            nn.init.zeros_(self.linear.bias)

    def forward(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """Return the interests of each history: see ``Extractor.forward``."""
        self.check_length(mask)
        pooled = self._pool(items, mask[:, None])
        states = items if self.linear is None else self.linear(items)
        return pooled._replace(states=states[:, None])

    def prefixes(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """Return the interests of every prefix, in one pass: see ``Extractor.prefixes``."""
        self.check_length(mask)
        return self._pool(items, prefix_mask(mask))

    def _pool(self, items: Float[Tensor, "B L D"], seen: Bool[Tensor, "B T L"]) -> Interests:
        """Pool the items of each of T prefixes of a history; the batch axis becomes B * T."""
        weights = seen.to(items.dtype) / seen.sum(dim=-1, keepdim=True).clamp(min=1)
        vectors = weights @ items  # [B, T, D]
        if self.linear is not None:
            # An empty history stays 0 in spite of the bias.
            vectors = self.linear(vectors) * seen.any(dim=-1, keepdim=True)
        return without_prior(vectors.flatten(0, 1)[:, None], weights.flatten(0, 1)[:, None])
