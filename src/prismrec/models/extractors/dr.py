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
    """Each item proposes a vector to each interest and shares itself out among those that agree.

    The proposal is û = W[j, k] e with a matrix of its own for every slot j, counted from the
    oldest item, and interest k: max_len * K * D² weights.

    Args:
        dim: Width D of item and interest vectors.
        interests: Number K of interests.
        max_len: Longest history L; there are matrices for this many slots.
        init_std: Standard deviation of W at the start. 1, as published, makes û longer than e
            by √D, so routing takes sides from the first step on; an initialiser that reads
            fan-in off the 4-D tensor would give .0025 and routing that never leaves 1/K.

    An interest vector is shorter than 1, whatever the scale of the items.

    Raises:
        ConfigError: ``init_std`` is not above 0.

    Cost: O(B L K D²) time, O(B L K D) memory; ``prefixes`` shares û and adds O(B L² K D) time
        and O(B L² K) memory.
    """

    def __init__(self, *, dim: int, interests: int, max_len: int, init_std: float = 1.0) -> None:
        super().__init__(dim=dim, interests=interests, max_len=max_len)
        if not init_std > 0:
            raise ConfigError(f"init_std is {init_std}; it must be above 0 (1 is published).")
        self.maps = nn.Parameter(init_std * torch.randn(max_len, interests, dim, dim))

    def forward(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """See ``Extractor.forward``."""
        self.check_length(mask)
        return self._route(items, mask[:, None])

    def prefixes(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """See ``Extractor.prefixes``; one pass."""
        self.check_length(mask)
        return self._route(items, prefix_mask(mask))

    def _route(self, items: Float[Tensor, "B L D"], seen: Bool[Tensor, "B T L"]) -> Interests:
        """Route each of T views of a history; the batch axis becomes B * T."""
        length = items.shape[1]
        votes = torch.einsum("jkoi,bji->bkjo", self.maps[:length], items)
        start = items.new_zeros(1, self.interests, 1, length)
        vectors, weights = route(votes, seen, start)
        return without_prior(per_view(vectors), per_view(weights))


def squash(x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch D"]:
    """Shrink a vector's length n to n² / (1 + n²), keeping its direction; 0 stays 0.

    The length is taken in float32 at least, since its square leaves half precision's range, and
    by ``vector_norm``, whose gradient at 0 is 0 and not NaN.
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
    """Let each item share itself out among the interests that agree with it.

    An item's weights sum to 1 over the *interests*, not over the items: it is the item that
    chooses. (Three published ports have the softmax on the other axis;
    ``test_an_item_shares_itself_out_among_the_interests`` tells the two apart.)

    Args:
        votes: What each item proposes to each interest.
        seen: Which items each of T views of the history holds; the others route nothing.
        start: The logits before the first round. −inf keeps an interest out; one at least
            must stay.
        iterations: Rounds of agreement, at least 1. Only the last one carries gradients to the
            votes, as in the authors' code.

    Returns:
        The squashed interests and the weights of the last round, both by interest, then view.

    Cost: O(iterations B T L K D) time, O(B K T (L + D)) memory.

    Source: Cen et al., KDD 2020, the dynamic-routing method; authors' code as above.
    """
    agreement, here = start, seen[:, None]
    for _ in range(iterations - 1):
        fixed = votes.detach()
        vectors = squash((agreement.softmax(dim=1) * here) @ fixed)  # softmax over K: see above
        agreement = agreement + vectors @ fixed.transpose(2, 3)
    weights = agreement.softmax(dim=1) * here
    return squash(weights @ votes), weights


def per_view(routed: Float[Tensor, "B K T X"]) -> Float[Tensor, "B*T K X"]:
    """Bring what ``route`` gives into the order of ``Interests``: one row a view."""
    return routed.transpose(1, 2).flatten(0, 1)
