from .advise import advise_heads
from .checkpoint import LAST
from .config import TrainConfig
from .defaults import DatasetStats, dataset_stats, describe_defaults, resolve_defaults
from .estimate import MANY_EVENTS, Estimate, estimate_training
from .fit import Trained, fit
from .initialize import init_from_cooccurrence
from .loop import Step, train
from .objective import Objective
from .record import run_record, run_summary
from .run import TrainResult
from .run_config import RunConfig, with_one_interest
from .select import prune_interests
from .select_rules import fit_rule_retriever
from .tuning.task import Watch
from .tuning.tune import TuneOptions, TuneResult, tune

__all__ = [
    "LAST",
    "MANY_EVENTS",
    "DatasetStats",
    "Estimate",
    "Objective",
    "RunConfig",
    "Step",
    "TrainConfig",
    "TrainResult",
    "Trained",
    "TuneOptions",
    "TuneResult",
    "Watch",
    "advise_heads",
    "dataset_stats",
    "describe_defaults",
    "estimate_training",
    "fit",
    "fit_rule_retriever",
    "init_from_cooccurrence",
    "prune_interests",
    "resolve_defaults",
    "run_record",
    "run_summary",
    "train",
    "tune",
    "with_one_interest",
]
