"""Online clustering of a history: which of its events belong together.

    cluster = assign_clusters(items, mask, number=6)     # [B, L], -1 at padding

Each event is compared by cosine with clusters of the events before it. A prefix of a history has
therefore the same clusters as the whole history, and one pass serves all prefixes in training.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from prismrec.errors import ConfigError

MOST_INTERESTS = 4096
"""Largest number of interests or clusters; every answer needs memory for each of them."""
MIN_COSINE = 0.3
"""Below this cosine to every cluster an event starts a new one, if one is left. Values from 0.2 to
0.4 give equal results on shared accounts of Beauty (docs/lab.md)."""
DECAY = 0.8
"""Factor on the earlier events of a cluster whenever an event joins it."""
LEAST = 1e-30
"""Smallest prior."""
NEARNESS = -0.5
"""A cluster's prior is its share of (1 + distance from the newest event)^NEARNESS."""
FEW_ROWS = 5
"""Fewer histories than this are assigned one by one, which is three times as fast for a single one;
the arithmetic is the same, bit by bit."""
MAX_PRODUCTS = 1 << 22
"""Inner products of events in memory at once: 32 MiB."""
LONG = 2048
"""Events of a history above which its inner products are too many; it is assigned from vectors."""


@dataclass(frozen=True, kw_only=True)
class Forming:
    """How interests are formed from a history when asked.

    Raises:
        ConfigError: ``clusters`` not from 1 to ``MOST_INTERESTS``, or ``whole_weight`` no share.
    """

    clusters: int = 6
    """Largest number of clusters."""
    whole_weight: float = 0.7
    """Prior of the whole history, from 0 to 1; the clusters share the rest."""

    def __post_init__(self) -> None:
        """Check the values."""
        if not (1 <= self.clusters <= MOST_INTERESTS and 0 <= self.whole_weight <= 1):
            raise ConfigError(
                f"Interests were to be formed with clusters {self.clusters} and whole_weight "
                f"{self.whole_weight}; use 1 to {MOST_INTERESTS:,} clusters, and a weight from 0 "
                "to 1."
            )

    @property
    def interests(self) -> int:
        """K: the whole history and the clusters."""
        return 1 + self.clusters


@torch.no_grad()
def assign_clusters(
    items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"], *, number: int
) -> Int[Tensor, "B L"]:
    """Assign each event to the most similar cluster, oldest event first.

    The similarity is the cosine between the event's item vector and the decayed sum of the
    cluster's earlier item vectors. An event joins the most similar cluster. It starts a new one if
    all cosines are below ``MIN_COSINE`` and fewer than ``number`` clusters exist. No gradient.

    Returns:
        The cluster of each event, numbered from 0 in order of their first events; -1 at padding.

    Cost: O(B L² (D + number)) time in L steps, O(B L²) memory, at most ``MAX_PRODUCTS`` numbers;
        O(L D number) time for a history of more than ``LONG`` events.
    """
    is_event = mask.cpu().numpy()
    cluster = np.full(is_event.shape, -1, dtype=np.int64)
    lengths = is_event.sum(axis=1)
    for row in np.flatnonzero(lengths > LONG).tolist():
        own = items[row, : lengths[row]].cpu().double().numpy()
        cluster[row, : lengths[row]] = _assign_long(own, number)
    short = np.flatnonzero(lengths <= LONG)
    longest = int(lengths[short].max(initial=0))
    step = max(1, MAX_PRODUCTS // max(longest**2, 1))
    for start in range(0, len(short), step):
        rows = short[start : start + step]
        vectors = items[torch.from_numpy(rows).to(items.device), :longest].cpu().double()
        products = torch.bmm(vectors, vectors.transpose(1, 2)).numpy()
        if len(products) < FEW_ROWS:
            for row, own in zip(rows.tolist(), products, strict=True):
                events = lengths[row]
                cluster[row, :events] = _assign_one(own[:events, :events].tolist(), number)
        else:
            cluster[rows, :longest] = _assign(products, is_event[rows, :longest], number)
    return torch.from_numpy(cluster).to(mask.device)


def _assign(
    products: Float[np.ndarray, "B L L"], is_event: Bool[np.ndarray, "B L"], number: int
) -> NDArray[np.int64]:
    """Assign events from their inner products alone, which is faster than from their vectors.

    Products are in double precision: the rounding of a matrix product depends on the size of the
    batch, and an event must not change its cluster with it. Padding follows the events, so what is
    computed for it has no effect. Rows with vectors that cancel each other are assigned again.
    """
    rows, slots = is_event.shape
    own_square = np.einsum("bll->lb", products)
    # An event joins an empty cluster if its cosine to no other one is above MIN_COSINE.
    empty = MIN_COSINE * np.sqrt(own_square.T)
    along = np.repeat(empty, number, axis=0)  # unit vectors of the clusters' sums · events
    length = np.zeros(rows * number)  # of the decayed sums
    cosines = along.reshape(rows, number, slots).transpose(2, 0, 1)
    of_slot = np.ascontiguousarray(products.transpose(1, 0, 2))
    first = np.arange(rows) * number
    cluster = np.empty((slots, rows), dtype=np.int64)
    squares = np.empty((slots, rows))  # of the lengths of the sums
    with np.errstate(divide="ignore", invalid="ignore"):  # in rows that are assigned again
        for slot in range(slots):
            joined = cosines[slot].argmax(axis=1)
            cluster[slot] = joined
            joined += first
            before, earlier = along.take(joined, axis=0), length.take(joined)
            square = squares[slot]
            np.multiply(before[:, slot], 2, out=square)
            square += earlier
            square *= earlier
            square += own_square[slot]
            new = np.sqrt(square)
            before *= earlier[:, None]
            before += of_slot[slot]
            before /= new[:, None]
            along[joined], length[joined] = before, DECAY * new
    found = np.where(is_event, cluster.T, -1)
    for row in np.flatnonzero((~(squares.T > 0) & is_event).any(axis=1)).tolist():
        events = np.count_nonzero(is_event[row])
        found[row, :events] = _assign_one(products[row, :events, :events].tolist(), number)
    return found


def _assign_one(products: list[list[float]], number: int) -> list[int]:
    """Assign the events of one history: see ``_assign``, which this repeats with plain numbers."""
    empty = [MIN_COSINE * math.sqrt(own[slot]) for slot, own in enumerate(products)]
    along, length = [empty] * number, [0.0] * number
    cluster = []
    for slot, own in enumerate(products):
        # Counted from the end: of each row only the later events are kept.
        here, later = slot - len(products), slot + 1
        cosines = [row[here] for row in along]
        joined = cosines.index(max(cosines))
        cluster.append(joined)
        before, earlier = along[joined], length[joined]
        square = earlier * (earlier + 2 * before[here]) + own[slot]
        if square > 0:
            new = math.sqrt(square)
            pairs = zip(before[later - len(products) :], own[later:], strict=False)
            along[joined] = [(earlier * a + b) / new for a, b in pairs]
            length[joined] = DECAY * new
        else:
            along[joined], length[joined] = empty, 0.0
    return cluster


def _assign_long(vectors: Float[np.ndarray, "L D"], number: int) -> list[int]:
    """Assign the events of one history from their vectors: as ``_assign_one``, in linear memory."""
    unit, length = np.zeros((number, vectors.shape[1])), np.zeros(number)
    to_empty = MIN_COSINE * np.linalg.norm(vectors, axis=1)
    cluster = []
    for vector, least in zip(vectors, to_empty, strict=True):
        joined = int(np.where(length > 0, unit @ vector, least).argmax())
        cluster.append(joined)
        total = length[joined] * unit[joined] + vector
        new = math.sqrt(total @ total)
        unit[joined], length[joined] = (total / new if new > 0 else 0.0), DECAY * new
    return cluster
