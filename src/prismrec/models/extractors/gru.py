"""GRU4Rec: the last state of a recurrent network is the only interest.

Source: Hidasi et al., "Session-based Recommendations with Recurrent Neural Networks", ICLR
2016, as the ComiRec authors compare with it; their code, src/model.py, Model_GRU4REC.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from prismrec.models.extractors.base import Extractor, without_prior
from prismrec.types import Interests


class GRU4Rec(Extractor):
    """The state of a one-layer GRU after the newest item.

    ``weights`` are 1 at the newest item, where the state is read, and 0 elsewhere: the share of
    older items in the state is not known.

    Args:
        dim: Width D of item and interest vectors, and of the state.
        interests: 1.
        max_len: Longest history L.

    All numbers of the vector lie in (-1, 1).

    Cost: O(B L D²) time, O(B L D) memory; ``prefixes`` costs the same and O(B L²) memory.
    """

    single = True

    def __init__(self, *, dim: int, interests: int, max_len: int) -> None:
        super().__init__(dim=dim, interests=interests, max_len=max_len)
        self.gru = nn.GRU(dim, dim, batch_first=True)

    def forward(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """Return the interests of each history: see ``Extractor.forward``."""
        self.check_length(mask)
        return last_state(self.gru(items)[0], mask)

    def prefixes(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """Return the interests of every prefix, in one pass: see ``Extractor.prefixes``."""
        self.check_length(mask)
        return every_state(self.gru(items)[0], mask)


def last_state(states: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
    """Return the state at the newest item of each history as its interest; 0 for an empty one."""
    slots = torch.arange(1, mask.shape[1] + 1, device=mask.device)
    newest = slots == mask.sum(dim=1, keepdim=True)  # [B, L]
    weights = newest[:, None].to(states.dtype)
    return without_prior(weights @ states, weights, states)


def every_state(states: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
    """Return every state of causal ``states`` as an interest, ordered as ``Extractor.prefixes``."""
    is_event = mask[..., None].to(states.dtype)  # [B, L, 1]
    weights = is_event * torch.eye(mask.shape[1], dtype=states.dtype, device=mask.device)
    return without_prior((states * is_event).flatten(0, 1)[:, None], weights.flatten(0, 1)[:, None])
