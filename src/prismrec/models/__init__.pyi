from .chunked_softmax import (
    CHUNK as CHUNK,
)
from .chunked_softmax import (
    LossFromLogsumexp as LossFromLogsumexp,
)
from .chunked_softmax import (
    chunked_softmax_loss as chunked_softmax_loss,
)
from .chunked_softmax import (
    find_hits as find_hits,
)
from .clustering import assign_clusters as assign_clusters
from .embeddings import ItemCategories as ItemCategories
from .extractors import (
    EXTRACTORS as EXTRACTORS,
)
from .extractors import (
    DynamicRouting as DynamicRouting,
)
from .extractors import (
    Extractor as Extractor,
)
from .extractors import (
    GRU4Rec as GRU4Rec,
)
from .extractors import (
    MeanPool as MeanPool,
)
from .extractors import (
    Prism as Prism,
)
from .extractors import (
    SelfAttentive as SelfAttentive,
)
from .extractors import (
    SharedRouting as SharedRouting,
)
from .extractors import (
    Transformer as Transformer,
)
from .losses import (
    LOSSES as LOSSES,
)
from .losses import (
    declare_softmax as declare_softmax,
)
from .model import (
    Model as Model,
)
from .model import (
    Similarity as Similarity,
)
from .readouts import (
    LSE as LSE,
)
from .readouts import (
    READOUTS as READOUTS,
)
from .readouts import (
    Readout as Readout,
)
from .regularizers import REGULARIZERS as REGULARIZERS
from .samplers import (
    SAMPLERS as SAMPLERS,
)
from .samplers import (
    Sampler as Sampler,
)

__all__ = [
    "CHUNK",
    "EXTRACTORS",
    "LOSSES",
    "LSE",
    "READOUTS",
    "REGULARIZERS",
    "SAMPLERS",
    "DynamicRouting",
    "Extractor",
    "GRU4Rec",
    "ItemCategories",
    "LossFromLogsumexp",
    "MeanPool",
    "Model",
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
]
