from .artifact import load, save
from .build import build_recommender
from .bulk import BulkSummary, Shard, recommend_batch, recommend_file
from .cold_start import NewItem
from .extensions import ArtifactClasses
from .filters import eligible_items, unknown_ids
from .manifest import ARTIFACT_FORMAT, MANIFEST, check_trained_on, read_artifact_manifest
from .projection import ContentProjection, unit_vectors
from .recommender import Recommender
from .results import Answer, Contribution, Interest, Item, Reason, SimilarItem, TopItem, TradeOff

__all__ = [
    "ARTIFACT_FORMAT",
    "MANIFEST",
    "Answer",
    "ArtifactClasses",
    "BulkSummary",
    "ContentProjection",
    "Contribution",
    "Interest",
    "Item",
    "NewItem",
    "Reason",
    "Recommender",
    "Shard",
    "SimilarItem",
    "TopItem",
    "TradeOff",
    "build_recommender",
    "check_trained_on",
    "eligible_items",
    "load",
    "read_artifact_manifest",
    "recommend_batch",
    "recommend_file",
    "save",
    "unit_vectors",
    "unknown_ids",
]
