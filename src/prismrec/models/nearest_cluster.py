"""Training with the cluster of a history that is nearest to the target, for mixed histories.

If an account has several people, most events of its history have nothing to do with the next one. A
prefix is then read as its nearest cluster alone, so item vectors learn from events that belong
together. This is one step of hard expectation maximisation for the mixture that lists use: the
likeliest cluster explains the target.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from prismrec.errors import ConfigError
from prismrec.models.clustering import LEAST, NEARNESS, assign_clusters
from prismrec.models.extractors.base import Extractor, prefix_mask, without_prior
from prismrec.types import Interests


def read_nearest_clusters(
    extractor: Extractor,
    items: Float[Tensor, "B L D"],
    mask: Bool[Tensor, "B L"],
    *,
    target: Float[Tensor, "B L D"],
    number: int,
) -> Interests:
    """Return one interest of every prefix: its cluster that is nearest to the target.

    Args:
        extractor: Computes one interest, and has ``group_weights``.
        items: Item vectors of the histories.
        mask: True at items.
        target: Vector of the target of each prefix; without a target any cluster is read.
        number: Largest number of clusters of a history.

    Returns:
        Row b · L + t is the prefix that ends at slot t of row b.

    Raises:
        ConfigError: The extractor cannot read groups of events.

    Cost: O(B L² (D + number)) time and O(B L²) memory.
    """
    extractor.check_length(mask)
    states = extractor.states_of(items)
    if states is None:
        raise ConfigError(
            f"Clusters were to be read in training by {extractor!r}, which has no weights of "
            "groups; set train_clusters to 0, or use the extractor prism with interests 1."
        )
    cluster = assign_clusters(items, mask, number=number)
    nearest = find_nearest(states.detach(), mask, cluster, target.detach(), number)
    member = prefix_mask(mask) & (cluster[:, None] == nearest[:, :, None])
    weights = extractor.group_weights(states, member)
    vectors = weights @ states
    return without_prior(vectors.flatten(0, 1)[:, None], weights.flatten(0, 1)[:, None])


def find_nearest(
    states: Float[Tensor, "B L D"],
    mask: Bool[Tensor, "B L"],
    cluster: Int[Tensor, "B L"],
    target: Float[Tensor, "B L D"],
    number: int,
) -> Int[Tensor, "B L"]:
    """Return the cluster of each prefix that is nearest to its target.

    It has the largest sum of its log prior and of its mean score for the target. Newer events
    count more in both, as in the prior of lists.
    """
    slots = torch.arange(mask.shape[1], device=mask.device)
    distance = (slots[:, None] - slots).clamp(min=0)
    near = (1 + distance).to(states.dtype) ** NEARNESS * prefix_mask(mask)  # [B, T, L]
    numbers = torch.arange(number, device=mask.device)
    belongs = (cluster[..., None] == numbers).to(states.dtype)  # [B, L, C]
    prior = near @ belongs  # [B, T, C]
    score = (near * (target @ states.transpose(1, 2))) @ belongs / prior.clamp(min=LEAST)
    is_formed = prior > 0
    value = score + prior.clamp(min=LEAST).log()
    return value.masked_fill(~is_formed, -torch.inf).argmax(dim=-1)
