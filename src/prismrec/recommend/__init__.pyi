from .about import with_other_forming
from .artifact import check_artifact_folder, load, save
from .artifact_classes import ArtifactClasses
from .build import build_recommender
from .bulk import BulkSummary, recommend_batch, recommend_file
from .capabilities import Capabilities, attribute_types, weighting_of
from .cold_start import NewItem, add_items
from .filters import eligible_items, unknown_ids
from .manifest import (
    ARTIFACT_FORMAT,
    MANIFEST,
    artifact_name,
    check_artifact,
    check_same_split,
    check_trained_on,
    entry_of,
    linked_folder,
    read_artifact_manifest,
    read_unchanged,
    short_hash,
)
from .projection import ContentProjection, unit_vectors
from .publish import KEPT, Switch, publish, rollback
from .recommender import Recommender
from .results import Answer, Contribution, Interest, Item, Reason, SimilarItem, TopItem, TradeOff
from .run_file import to_toml
from .shard import Shard
from .spark import recommend_on_spark, spark_lists
from .tables import TableUse, remove_unused_tables, table_uses

__all__ = [
    "ARTIFACT_FORMAT",
    "KEPT",
    "MANIFEST",
    "Answer",
    "ArtifactClasses",
    "BulkSummary",
    "Capabilities",
    "ContentProjection",
    "Contribution",
    "Interest",
    "Item",
    "NewItem",
    "Reason",
    "Recommender",
    "Shard",
    "SimilarItem",
    "Switch",
    "TableUse",
    "TopItem",
    "TradeOff",
    "add_items",
    "artifact_name",
    "attribute_types",
    "build_recommender",
    "check_artifact",
    "check_artifact_folder",
    "check_same_split",
    "check_trained_on",
    "eligible_items",
    "entry_of",
    "linked_folder",
    "load",
    "publish",
    "read_artifact_manifest",
    "read_unchanged",
    "recommend_batch",
    "recommend_file",
    "recommend_on_spark",
    "remove_unused_tables",
    "rollback",
    "save",
    "short_hash",
    "spark_lists",
    "table_uses",
    "to_toml",
    "unit_vectors",
    "unknown_ids",
    "weighting_of",
    "with_other_forming",
]
