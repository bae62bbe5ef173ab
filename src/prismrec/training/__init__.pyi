from .checkpoint import LAST as LAST
from .config import TrainConfig as TrainConfig
from .defaults import (
    DatasetStats as DatasetStats,
)
from .defaults import (
    dataset_stats as dataset_stats,
)
from .defaults import (
    describe_defaults as describe_defaults,
)
from .defaults import (
    resolve_defaults as resolve_defaults,
)
from .fit import (
    Trained as Trained,
)
from .fit import (
    fit as fit,
)
from .initialize import init_from_cooccurrence as init_from_cooccurrence
from .loop import (
    Step as Step,
)
from .loop import (
    train as train,
)
from .objective import Objective as Objective
from .record import (
    run_record as run_record,
)
from .record import (
    run_summary as run_summary,
)
from .run import TrainResult as TrainResult
from .run_config import (
    RunConfig as RunConfig,
)
from .run_config import (
    with_one_interest as with_one_interest,
)
from .select import (
    fit_rule_retriever as fit_rule_retriever,
)
from .select import (
    prune_interests as prune_interests,
)

__all__ = [
    "LAST",
    "DatasetStats",
    "Objective",
    "RunConfig",
    "Step",
    "TrainConfig",
    "TrainResult",
    "Trained",
    "dataset_stats",
    "describe_defaults",
    "fit",
    "fit_rule_retriever",
    "init_from_cooccurrence",
    "prune_interests",
    "resolve_defaults",
    "run_record",
    "run_summary",
    "train",
    "with_one_interest",
]
