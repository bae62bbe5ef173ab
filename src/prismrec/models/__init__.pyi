from .chunked_softmax import (
    CHUNK,
    LossFromLogsumexp,
    PerPosition,
    chunked_softmax_loss,
    find_hits,
)
from .clustering import MOST_INTERESTS, Forming, assign_clusters
from .embeddings import FetchedRows, ItemCategories
from .extractors import (
    EXTRACTORS,
    DynamicRouting,
    Extractor,
    GRU4Rec,
    MeanPool,
    Prism,
    SelfAttentive,
    SharedRouting,
    Transformer,
)
from .histories import join_rows
from .losses import LOSSES, declare_softmax
from .model import Model, Similarity
from .nearest_cluster import read_nearest_clusters
from .readouts import LSE, READOUTS, Readout
from .regularizers import REGULARIZERS
from .samplers import SAMPLERS, Sampler

__all__ = [
    "CHUNK",
    "EXTRACTORS",
    "LOSSES",
    "LSE",
    "MOST_INTERESTS",
    "READOUTS",
    "REGULARIZERS",
    "SAMPLERS",
    "DynamicRouting",
    "Extractor",
    "FetchedRows",
    "Forming",
    "GRU4Rec",
    "ItemCategories",
    "LossFromLogsumexp",
    "MeanPool",
    "Model",
    "PerPosition",
    "Prism",
    "Readout",
    "Sampler",
    "SelfAttentive",
    "SharedRouting",
    "Similarity",
    "Transformer",
    "assign_clusters",
    "chunked_softmax_loss",
    "declare_softmax",
    "find_hits",
    "join_rows",
    "read_nearest_clusters",
]
