from .artifact import (
    ARTIFACT_FORMAT as ARTIFACT_FORMAT,
)
from .artifact import (
    MANIFEST as MANIFEST,
)
from .artifact import (
    check_trained_on as check_trained_on,
)
from .artifact import (
    load as load,
)
from .artifact import (
    read_artifact_manifest as read_artifact_manifest,
)
from .artifact import (
    save as save,
)
from .build import build_recommender as build_recommender
from .bulk import (
    BulkSummary as BulkSummary,
)
from .bulk import (
    recommend_file as recommend_file,
)
from .cold_start import NewItem as NewItem
from .filters import (
    eligible_items as eligible_items,
)
from .filters import (
    unknown_ids as unknown_ids,
)
from .recommender import Recommender as Recommender
from .results import (
    Answer as Answer,
)
from .results import (
    Interest as Interest,
)
from .results import (
    Item as Item,
)
from .results import (
    Reason as Reason,
)
from .results import (
    SimilarItem as SimilarItem,
)
from .results import (
    TopItem as TopItem,
)
from .results import (
    TradeOff as TradeOff,
)

__all__ = [
    "ARTIFACT_FORMAT",
    "MANIFEST",
    "Answer",
    "BulkSummary",
    "Interest",
    "Item",
    "NewItem",
    "Reason",
    "Recommender",
    "SimilarItem",
    "TopItem",
    "TradeOff",
    "build_recommender",
    "check_trained_on",
    "eligible_items",
    "load",
    "read_artifact_manifest",
    "recommend_file",
    "save",
    "unknown_ids",
]
