"""Initial item vectors from co-occurrence: count nearby pairs, then factor the matrix.

    sources, outputs = cooccurrence_vectors(split.train, catalog.size, dim=64)
    init_from_cooccurrence(model, split.train, seed=0)       # a model with two tables

The inner product ``sources[i] @ outputs[j]`` approximates the positive pointwise mutual information
(PPMI) of a pair: how much more likely j is near i than elsewhere. There are two tables, since the
order of a pair matters. An untrained model then ranks similarly to co-occurrence rules.

Source: Levy and Goldberg, "Neural Word Embedding as Implicit Matrix Factorization", NIPS 2014,
for PPMI and its factors.
"""

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import sparse

from prismrec.data import Histories
from prismrec.errors import ConfigError
from prismrec.io import part_of_stage, stage, track
from prismrec.models import ItemCategories, Model, assign_clusters
from prismrec.retrieval import count_pairs
from prismrec.training.factor import factor_many, randomized_svd

WINDOW, DECAY, BACKWARD = 10, 0.8, 0.5
"""As for co-occurrence rules: largest distance, decay by distance, weight of the reverse order."""
COUNT_POWER = 0.75
"""Exponent of an item's total count, so that rare items do not get a high PMI with many items."""
BLOCK = 1 << 21
"""Events that are counted at a time."""
PAIRS = 100_000_000
"""Largest number of pairs in memory (1.2 GB). Beyond, the rarest are dropped, as in lossy
counting."""
MANY_ITEMS = 100_000
"""Items from which time and memory are saved: at most ``PAIRS_OF_MANY`` pairs, and
``factor_many``."""
PAIRS_OF_MANY = 20_000_000
"""Largest number of pairs in memory for a catalog of ``MANY_ITEMS`` or more."""
SCALE = 1.4
"""Factor on both tables: a mean of vectors is shorter than the vectors."""
POPULARITY = 0.75
"""Weight of an item's log count in its bias: the part that ``COUNT_POWER`` removes from the PMI."""
PRIOR_EVENTS = 5.0
"""Number of events at which an item's own vector and the mean of its categories have equal weight.
Values from 3 to 30 give equal results on Beauty and Toys (docs/lab.md)."""
CLUSTER_ROUNDS = 2
"""Number of times that pairs are counted again within clusters: the best of 0, 1, 2 and 4 on shared
accounts of Beauty (docs/lab.md)."""
CLUSTER_BLOCK = 1 << 16
"""Events that are clustered at a time; at least one history."""


def init_from_cooccurrence(
    model: Model,
    train: Histories,
    *,
    seed: int,
    item_categories: ItemCategories | None = None,
    clusters: int = 0,
) -> None:
    """Set the tables of a model to co-occurrence vectors and its biases to popularity.

    Args:
        model: A model with two tables (``tie_embeddings=False``); changed in place.
        train: Training histories.
        seed: Seed of the SVD.
        item_categories: If given, the vectors of rare items are moved towards their categories.
        clusters: Largest number of clusters of a history. If above 1, pairs are counted again
            ``CLUSTER_ROUNDS`` times, only within the clusters of a history: if several people share
            an account, most pairs of its history have no meaning.

    Raises:
        ConfigError: The model has one table.

    Cost: that of ``cooccurrence_vectors``; with several clusters 1 + ``CLUSTER_ROUNDS`` times that
        and ``split_by_cluster``.
    """
    counts = train.weighted_counts(model.size)

    def vectors_of(histories: Histories) -> list[Float[np.ndarray, "V D"]]:
        width = model.items.embedding_dim
        tables = cooccurrence_vectors(histories, model.size, dim=width, seed=seed)
        if item_categories is None:
            return list(tables)
        return [shrink_to_categories(table, counts, item_categories) for table in tables]

    rounds = 1 + (CLUSTER_ROUNDS if clusters > 1 else 0)
    counted = train
    for number in track(range(1, rounds + 1), "computing initial item vectors", rounds):
        sources, outputs = vectors_of(counted)
        if number < rounds:
            counted = split_by_cluster(train, sources, number=clusters)
    popularity = POPULARITY * np.log(np.maximum(counts, 0.5))
    parts = (SCALE * sources, SCALE * outputs, popularity)
    model.set_item_vectors(*(torch.from_numpy(part).float() for part in parts))


def split_by_cluster(
    histories: Histories, vectors: Float[np.ndarray, "V D"], *, number: int
) -> Histories:
    """Split each history into one history per cluster: see ``models/clustering.py``.

    The result has every event and its time. It is ordered by user, then by the first event of the
    cluster.

    Cost: O(E D number) time; O(``CLUSTER_BLOCK`` D number) memory, and the events.
    """
    table, lengths = torch.from_numpy(vectors), histories.lengths
    cluster = np.zeros(len(histories.items), dtype=np.int64)
    order = np.argsort(lengths, kind="stable")
    full = np.diff(np.cumsum(lengths[order]) // CLUSTER_BLOCK) > 0
    doubled = np.diff(np.frexp(lengths[order])[1]) > 0  # rows are padded to the longest in a block
    blocks = np.split(order, np.flatnonzero(full | doubled) + 1)
    for users in track(blocks, "clustering histories", len(order), size=len):
        length = lengths[users]
        slots = np.arange(length.max(initial=0))
        inside = slots < length[:, None]
        place = (histories.indptr[users][:, None] + slots)[inside]
        items = np.zeros(inside.shape, dtype=np.int64)
        items[inside] = histories.items[place]
        mask = torch.from_numpy(inside)
        cluster[place] = assign_clusters(table[items], mask, number=number)[mask].numpy()
    user = np.repeat(np.arange(len(histories)), lengths)
    sorting = np.lexsort((cluster, user))  # stable: events stay in their order
    row = (user * number + cluster)[sorting]
    bounds = np.append(np.flatnonzero(np.diff(row, prepend=-1)), len(row))
    return histories.take(bounds, sorting)


def shrink_to_categories(
    vectors: Float[np.ndarray, "V D"],
    counts: NDArray[np.int64] | NDArray[np.float64],
    item_categories: ItemCategories,
) -> Float[np.ndarray, "V D"]:
    """Move each item vector towards the mean of its categories, rare items the most.

    The item's own vector has weight n / (n + ``PRIOR_EVENTS``) for n events, the mean of its
    categories has the rest. The vector of a category is the mean of its items, weighted by the
    square root of their events; it is 0 if its items have no events. An item without a category
    does not change.

    Cost: O(len(item_categories.ids) · D).
    """
    lengths = np.diff(item_categories.indptr)
    parts = (np.ones(len(item_categories.ids)), item_categories.ids, item_categories.indptr)
    of_items = sparse.csr_array(parts, shape=(len(vectors), item_categories.number))
    weight = np.sqrt(counts)
    total = np.maximum(of_items.T @ weight, 1e-30)[:, None]
    of_categories = (of_items.T @ (weight[:, None] * vectors)) / total
    mean = (of_items @ of_categories) / np.maximum(lengths, 1)[:, None]
    share = np.where(lengths > 0, PRIOR_EVENTS / (counts + PRIOR_EVENTS), 0.0)[:, None]
    shrunk: Float[np.ndarray, "V D"] = (1 - share) * vectors + share * mean
    return shrunk.astype(np.float32)


def cooccurrence_vectors(
    train: Histories, size: int, *, dim: int, seed: int = 0
) -> tuple[Float[np.ndarray, "V D"], Float[np.ndarray, "V D"]]:
    """Factor the positive PMI of nearby pairs into source and output vectors.

    Args:
        train: Histories in which pairs are counted.
        size: V.
        dim: D, the rank; columns beyond the rank of the table are 0.
        seed: Seed of the SVD.

    Returns:
        The vectors of items in a history, and the vectors to search. The row of padding is 0, and
        so is that of an item without pairs. Columns are ordered by singular value, largest first;
        the largest number of an output column is positive.

    Raises:
        ConfigError: ``dim`` below 1.

    Cost: O(WINDOW E + (pairs + V D) D) time; O(V D + min(WINDOW E, PAIRS)) memory. For 20 M events
        of 1 M items about a minute of one core, and 2 GB.
    """
    if dim < 1:
        raise ConfigError(f"dim is {dim}; it must be at least 1.")
    with stage("computing initial item vectors"):
        many = size - 1 >= MANY_ITEMS
        with part_of_stage(0, 0.5):
            pairs = count_in_blocks(train, size, most=PAIRS_OF_MANY if many else PAIRS)
            table = positive_pmi(pairs)
            del pairs
        with part_of_stage(0.5, 1):
            factor = factor_many if many else randomized_svd
            left, values, right = factor(table, min(dim, size), seed=seed)
    strongest = np.abs(right).argmax(axis=0)
    scale = np.sqrt(values) * np.where(right[strongest, np.arange(len(values))] < 0, -1, 1)
    padded = np.zeros((2, size, dim), dtype=np.float32)
    padded[0, :, : len(values)], padded[1, :, : len(values)] = left * scale, right * scale
    padded[:, 0] = 0  # exactly: the SVD returns almost 0
    return padded[0], padded[1]


def count_in_blocks(train: Histories, size: int, *, most: int = PAIRS) -> sparse.csr_array:
    """Count the pairs of all users, about ``BLOCK`` events at a time: ``[V, V]``.

    Entry (i, j) counts j after i, plus ``BACKWARD`` times j before i. While counting, at most
    ``most`` pairs and those of one block are in memory: beyond, the rarest are dropped until half
    of ``most`` are left. The result has up to twice as many entries, for both orders. If events
    have weights, see ``count_pairs``.
    """
    weights = train.relative_weights
    table = sparse.csr_array((size, size), dtype=np.float32)
    starts = np.searchsorted(train.indptr, np.arange(0, max(len(train.items), 1), BLOCK))
    edges = np.unique(np.append(np.minimum(starts, len(train)), len(train)))
    blocks = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    for first, last in track(blocks, "counting pairs of events", len(edges) - 1):
        begin, end = int(train.indptr[first]), int(train.indptr[last])
        block = train.take(train.indptr[first : last + 1] - begin, slice(begin, end))
        own = None if weights is None else weights[begin:end]
        events = np.arange(len(block.items))
        pairs = count_pairs(block, size, events, window=WINDOW, decay=DECAY, weights=own)
        table = table + pairs.astype(np.float32)
        if table.nnz > most:
            table = _keep_largest(table, most // 2)
    return sparse.csr_array(table + BACKWARD * table.T)


def positive_pmi(pairs: sparse.csr_array) -> sparse.csr_array:
    """Compute max(0, log p(j | i) - log p(j)) of each pair that occurs: ``[V, V]``.

    p(j) is the share of j among column sums to the power ``COUNT_POWER``.
    """
    entries = sparse.coo_array(pairs)
    row, column = entries.coords
    from_item = np.bincount(row, entries.data, minlength=pairs.shape[0])
    to_item = np.bincount(column, entries.data, minlength=pairs.shape[1]) ** COUNT_POWER
    share = to_item / max(to_item.sum(), 1e-30)
    pmi = np.log(entries.data) - np.log(from_item[row]) - np.log(share[column])
    kept = pmi > 0
    data = pmi[kept].astype(np.float32)
    return sparse.csr_array((data, (row[kept], column[kept])), shape=pairs.shape)


def _keep_largest(table: sparse.csr_array, most: int) -> sparse.csr_array:
    """Keep the ``most`` largest entries; among equal entries, the first ones."""
    smallest = np.partition(table.data, len(table.data) - most)[len(table.data) - most]
    equal = np.flatnonzero(table.data == smallest)
    spare = most - np.count_nonzero(table.data > smallest)
    table.data[table.data < smallest] = 0
    table.data[equal[spare:]] = 0
    table.eliminate_zeros()
    return table
