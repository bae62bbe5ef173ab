"""Dynamic-routing extractor: ComiRec-DR, and routing itself as two functions.

Source: Cen et al., "Controllable Multi-Interest Framework for Recommendation", KDD 2020, the
dynamic-routing method; authors' code, src/model.py, CapsuleNetwork with bilinear_type 2.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from prismrec.errors import ConfigError
from prismrec.models.extractors.base import Extractor, prefix_mask, without_prior
from prismrec.types import Interests


class DynamicRouting(Extractor):
    """Dynamic routing: items vote for interests and weigh those more that agree with their votes.

    The vote of an item e is û = W[j, k] e, with one matrix per slot j, counted from the oldest
    item, and interest k: max_len * K * D² weights.

    Args:
        dim: Width D of item and interest vectors.
        interests: Number K of interests.
        max_len: Longest history L; there are matrices for this many slots.
        init_std: Initial standard deviation of W. 1, as published, makes û longer than e by √D, so
            that routing differs between interests from the first step on. An initialiser that
            derives fan-in from the 4-D tensor would use 0.0025; then weights stay at 1/K.

    Every interest vector is shorter than 1, at any scale of the items.

    Raises:
        ConfigError: ``init_std`` is not above 0.

    Cost: O(B L K D²) time, O(B L K D) memory; ``prefixes`` shares û and adds O(B L² K D) time
        and O(B L² K) memory.

    Source: Cen et al., KDD 2020, the dynamic-routing method (ComiRec-DR).
    """

    def __init__(self, *, dim: int, interests: int, max_len: int, init_std: float = 1.0) -> None:
        super().__init__(dim=dim, interests=interests, max_len=max_len)
        if not init_std > 0:
            raise ConfigError(
                f"init_std is {init_std}; it must be above 0; the published value is 1."
            )
        self.maps = nn.Parameter(init_std * torch.randn(max_len, interests, dim, dim))

    def forward(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """Return the interests of each history: see ``Extractor.forward``."""
        self.check_length(mask)
        found, votes = self._route(items, mask[:, None])
        return found._replace(states=votes)

    def prefixes(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """Return the interests of every prefix, in one pass: see ``Extractor.prefixes``."""
        self.check_length(mask)
        return self._route(items, prefix_mask(mask))[0]

    def _route(
        self, items: Float[Tensor, "B L D"], seen: Bool[Tensor, "B T L"]
    ) -> tuple[Interests, Float[Tensor, "B K L D"]]:
        """Route each of T prefixes of a history; the batch axis becomes B * T. Add the votes."""
        length = items.shape[1]
        votes = torch.einsum("jkoi,bji->bkjo", self.maps[:length], items)
        start = items.new_zeros(1, self.interests, 1, length)
        vectors, weights = route(votes, seen, start)
        return without_prior(per_view(vectors), per_view(weights)), votes


def squash(x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch D"]:
    """Scale a vector of length n to length n² / (1 + n²); 0 stays 0.

    The length is computed in float32 at least, since its square exceeds the range of half
    precision, and by ``vector_norm``, whose gradient at 0 is 0 and not NaN.
    """
    wide = torch.promote_types(x.dtype, torch.float32)
    length: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=wide)
    return (x * (length / (1 + length.square()))).to(x.dtype)


def route(
    votes: Float[Tensor, "B #K L D"],
    seen: Bool[Tensor, "B T L"],
    start: Float[Tensor, "#B K #T L"],
    *,
    iterations: int = 3,
) -> tuple[Float[Tensor, "B K T D"], Float[Tensor, "B K T L"]]:
    """Compute interests by routing: each item distributes its weight among interests that agree.

    The weights of an item sum to 1 over the *interests*, not over the items. (Three published ports
    have the softmax on the other axis;
    ``test_an_item_distributes_its_weight_among_the_interests`` detects this.)

    Args:
        votes: The vote of each item for each interest.
        seen: Which items belong to each of T prefixes; the others have weight 0.
        start: Logits before the first round. −inf excludes an interest; at least one must remain.
        iterations: Number of rounds, at least 1. Only the last one has gradients to the votes, as
            in the authors' code.

    Returns:
        The squashed interests and the weights of the last round, both by interest, then prefix.

    Cost: O(iterations B T L K D) time, O(B K T (L + D)) memory.

    Source: Cen et al., KDD 2020, the dynamic-routing method; authors' code as above.
    """
    agreement, visible = start, seen[:, None]
    for _ in range(iterations - 1):
        fixed = votes.detach()
        vectors = squash((agreement.softmax(dim=1) * visible) @ fixed)  # softmax over K: see above
        agreement = agreement + vectors @ fixed.transpose(2, 3)
    weights = agreement.softmax(dim=1) * visible
    return squash(weights @ votes), weights


def per_view(routed: Float[Tensor, "B K T X"]) -> Float[Tensor, "B*T K X"]:
    """Reorder the result of ``route`` for ``Interests``: one row per prefix."""
    return routed.transpose(1, 2).flatten(0, 1)
