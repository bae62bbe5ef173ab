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
from .bulk import (
    Wish as Wish,
)
from .bulk import (
    recommend_file as recommend_file,
)
from .cold_start import (
    NewItem as NewItem,
)
from .filters import (
    Filter as Filter,
)
from .filters import (
    known as known,
)
from .recommender import (
    Recommender as Recommender,
)
from .recommender import (
    indexed_items as indexed_items,
)
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
    Similar as Similar,
)

__all__ = [
    "ARTIFACT_FORMAT",
    "MANIFEST",
    "Answer",
    "Filter",
    "Interest",
    "Item",
    "NewItem",
    "Reason",
    "Recommender",
    "Similar",
    "Wish",
    "check_trained_on",
    "indexed_items",
    "known",
    "load",
    "read_artifact_manifest",
    "recommend_file",
    "save",
]
