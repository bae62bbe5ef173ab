"""Item vectors from which training starts: what soon followed what, counted and factored.

    sources, outputs = cooccurrence_vectors(split.train, catalog.size, dim=64)
    start_from_cooccurrence(model, split.train, seed=0)       # an untied model

An inner product ``sources[i] @ outputs[j]`` approximates how much likelier j is near i than
anywhere: the positive pointwise mutual information of the pair. The two tables differ because
transitions are not symmetric. A model that starts so knows what sequential rules know, and
learns from there.

Source: Levy and Goldberg, "Neural Word Embedding as Implicit Matrix Factorization", NIPS 2014,
for PPMI and its factors; Halko, Martinsson and Tropp, SIAM Review 2011, for the randomised SVD.
"""

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import sparse

from prismrec.data import Histories
from prismrec.errors import ConfigError
from prismrec.models import ItemCategories, Model, assigned
from prismrec.retrieval import count_pairs

WINDOW, DECAY, BACKWARD = 10, 0.8, 0.5
"""As ``sequential_rules`` counts: farthest distance, weight by distance, weight of "before"."""
SMOOTHING = 0.75
"""Power of a column's mass, so that rare items are not paired with everything."""
BLOCK = 1 << 21
"""Events counted at a time."""
PAIRS = 100_000_000
"""Most pairs held: beyond, the rarest are forgotten, as in lossy counting. 1.2 GB."""
OVERSAMPLED, ROUNDS = 8, 4
"""Of the randomised SVD: columns beside those asked for, and power iterations."""


SCALE = 1.4
"""By which both tables are longer than the factors: pooled vectors are shorter than vectors."""
POPULARITY = 0.75
"""Of an item's log count in its bias: what ``SMOOTHING`` left out of the PMI."""
LEANING = 5.0
"""Events of its own that weigh as much as what an item's categories say of it. From 3 to 30 are
level on Beauty and Toys (docs/lab.md)."""


REFINED = 2
"""Times that pairs are counted anew within clusters: the best of none, one, two and four on shared
accounts of Beauty (docs/lab.md)."""
CLUSTERED = 1 << 16
"""Events clustered at a time, or one history."""


def init_from_cooccurrence(
    model: Model,
    train: Histories,
    *,
    seed: int,
    memberships: ItemCategories | None = None,
    clusters: int = 0,
) -> None:
    """Set an untied model's tables to co-occurrence vectors and its biases to popularity.

    With ``memberships``, the vectors of items that were seen little lean on their categories.
    With ``clusters``, at most so many of a history, pairs are counted anew ``REFINED`` times, only
    within the clusters that the source vectors so far make: where several people share a history,
    most pairs in it say nothing.

    Raises:
        ConfigError: The model has one table.

    Cost: that of ``cooccurrence_vectors``; with several clusters 1 + ``REFINED`` times that, and
        of ``clusters_apart``.
    """
    counts = train.counts(model.size)

    def vectors_of(histories: Histories) -> list[Float[np.ndarray, "V D"]]:
        width = model.items.embedding_dim
        found = cooccurrence_vectors(histories, model.size, dim=width, seed=seed)
        if memberships is None:
            return list(found)
        return [leaning_on_categories(table, counts, memberships) for table in found]

    sources, outputs = vectors_of(train)
    for _ in range(REFINED if clusters > 1 else 0):
        sources, outputs = vectors_of(clusters_apart(train, sources, number=clusters))
    popularity = POPULARITY * np.log(np.maximum(counts, 0.5))
    parts = (SCALE * sources, SCALE * outputs, popularity)
    model.set_item_vectors(*(torch.from_numpy(part).float() for part in parts))


def clusters_apart(
    histories: Histories, vectors: Float[np.ndarray, "V D"], *, number: int
) -> Histories:
    """Make each cluster of each history a history of its own: see ``clustering``.

    Every event is in one of them, with its time; they follow the users, and a user's clusters
    the order in which they start.

    Cost: O(E D number) time; O(``CLUSTERED`` D number) memory beside the events.
    """
    table, lengths = torch.from_numpy(vectors), histories.lengths
    cluster = np.zeros(len(histories.items), dtype=np.int64)
    order = np.argsort(lengths, kind="stable")
    full = np.diff(np.cumsum(lengths[order]) // CLUSTERED) > 0
    twice = np.diff(np.frexp(lengths[order])[1]) > 0  # rows are padded to the longest of a block
    for users in np.split(order, np.flatnonzero(full | twice) + 1):
        own = lengths[users]
        slots = np.arange(own.max(initial=0))
        inside = slots < own[:, None]
        place = (histories.indptr[users][:, None] + slots)[inside]
        items = np.zeros(inside.shape, dtype=np.int64)
        items[inside] = histories.items[place]
        mask = torch.from_numpy(inside)
        cluster[place] = assigned(table[items], mask, number=number)[mask].numpy()
    owner = np.repeat(np.arange(len(histories)), lengths)
    sorting = np.lexsort((cluster, owner))  # stable: events stay in their order
    whose = (owner * number + cluster)[sorting]
    bounds = np.append(np.flatnonzero(np.diff(whose, prepend=-1)), len(whose))
    return Histories(bounds, histories.items[sorting], histories.times[sorting])


def leaning_on_categories(
    vectors: Float[np.ndarray, "V D"], counts: NDArray[np.int64], memberships: ItemCategories
) -> Float[np.ndarray, "V D"]:
    """Draw each item's vector towards the mean of its categories', the more the less it was seen.

    An item of n events keeps n / (n + ``LEANING``) of its own. A category's vector is the mean of
    its items', each weighted by the root of its events; where none was seen it is 0. An item
    without a category stays as it is.

    Cost: O(memberships · D).
    """
    lengths = np.diff(memberships.indptr)
    parts = (np.ones(len(memberships.ids)), memberships.ids, memberships.indptr)
    of_items = sparse.csr_array(parts, shape=(len(vectors), memberships.number))
    weight = np.sqrt(counts)
    total = np.maximum(of_items.T @ weight, 1e-30)[:, None]
    of_categories = (of_items.T @ (weight[:, None] * vectors)) / total
    mean = (of_items @ of_categories) / np.maximum(lengths, 1)[:, None]
    leaning = np.where(lengths > 0, LEANING / (counts + LEANING), 0.0)[:, None]
    drawn: Float[np.ndarray, "V D"] = (1 - leaning) * vectors + leaning * mean
    return drawn.astype(np.float32)


def cooccurrence_vectors(
    train: Histories, size: int, *, dim: int, seed: int = 0
) -> tuple[Float[np.ndarray, "V D"], Float[np.ndarray, "V D"]]:
    """Factor the positive PMI of nearby pairs into source and output vectors.

    Args:
        train: Histories to count.
        size: V.
        dim: D, the rank; columns beyond the rank of the table are 0.
        seed: Of the SVD's random start.

    Returns:
        What an item of the history says, and what is searched. Padding's row, and that of an
        item never near another, is 0. The first column is the strongest; signs are such that
        the largest entry of an output column is positive.

    Raises:
        ConfigError: ``dim`` below 1.

    Cost: O(WINDOW E + (pairs + V D) D) time; O(V D + min(WINDOW E, PAIRS)) memory.
    """
    if dim < 1:
        raise ConfigError(f"dim is {dim}; it must be at least 1.")
    table = positive_pmi(count_in_blocks(train, size))
    left, values, right = randomised_svd(table, min(dim, size), seed=seed)
    strongest = np.abs(right).argmax(axis=0)
    scale = np.sqrt(values) * np.where(right[strongest, np.arange(len(values))] < 0, -1, 1)
    padded = np.zeros((2, size, dim), dtype=np.float32)
    padded[0, :, : len(values)], padded[1, :, : len(values)] = left * scale, right * scale
    padded[:, 0] = 0  # to the bit: the SVD leaves it near
    return padded[0], padded[1]


def count_in_blocks(train: Histories, size: int, *, most: int = PAIRS) -> sparse.csr_array:
    """Count the pairs of whole users, some ``BLOCK`` events at a time: ``[V, V]``.

    Entry (i, j) is what followed i, plus ``BACKWARD`` times what it followed. Never more than
    ``most`` pairs and those of one block are held while counting: past that, the rarest are
    dropped until half are left. What is given has up to twice as many entries, for both ways.
    """
    table = sparse.csr_array((size, size), dtype=np.float32)
    starts = np.searchsorted(train.indptr, np.arange(0, max(len(train.items), 1), BLOCK))
    edges = np.unique(np.append(np.minimum(starts, len(train)), len(train)))
    for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        begin, end = int(train.indptr[first]), int(train.indptr[last])
        block = Histories(
            train.indptr[first : last + 1] - begin, train.items[begin:end], train.times[begin:end]
        )
        table = table + count_pairs(block, size, window=WINDOW, decay=DECAY).astype(np.float32)
        if table.nnz > most:
            table = _thinned(table, most // 2)
    return sparse.csr_array(table + BACKWARD * table.T)


def positive_pmi(pairs: sparse.csr_array) -> sparse.csr_array:
    """Give max(0, log p(j | i) - log p(j)) of each pair that occurs, ``[V, V]``.

    p(j) is the share of j's column to the power ``SMOOTHING``.
    """
    found = sparse.coo_array(pairs)
    row, column = found.coords
    from_item = np.bincount(row, found.data, minlength=pairs.shape[0])
    to_item = np.bincount(column, found.data, minlength=pairs.shape[1]) ** SMOOTHING
    share = to_item / max(to_item.sum(), 1e-30)
    pmi = np.log(found.data) - np.log(from_item[row]) - np.log(share[column])
    kept = pmi > 0
    data = pmi[kept].astype(np.float32)
    return sparse.csr_array((data, (row[kept], column[kept])), shape=pairs.shape)


def randomised_svd(
    table: sparse.csr_array, rank: int, *, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Give the ``rank`` largest singular triplets: left [V, R], values [R], right [V, R].

    Cost: O((pairs + V R) R) time a round, O(V R) memory.
    """
    width = min(rank + OVERSAMPLED, table.shape[0])
    random = np.random.default_rng(seed).standard_normal((table.shape[1], width))
    transposed = sparse.csr_array(table.T)
    basis = np.linalg.qr(table @ random.astype(np.float32))[0]
    for _ in range(ROUNDS):
        basis = np.linalg.qr(transposed @ basis)[0]
        basis = np.linalg.qr(table @ basis)[0]
    small, values, right = np.linalg.svd((transposed @ basis).T, full_matrices=False)
    left: NDArray[np.float32] = basis @ small[:, :rank]
    return left, values[:rank], right[:rank].T


def _thinned(table: sparse.csr_array, most: int) -> sparse.csr_array:
    """Keep the ``most`` largest entries, of equal ones the first."""
    least = np.partition(table.data, len(table.data) - most)[len(table.data) - most]
    level = np.flatnonzero(table.data == least)
    spare = most - np.count_nonzero(table.data > least)
    table.data[table.data < least] = 0
    table.data[level[spare:]] = 0
    table.eliminate_zeros()
    return table
