from .advise_heads import advise_interests
from .arguments import Sources
from .capacity import Coefficients, read_coefficients
from .checkpoint import LAST, saved_progress
from .config import TrainConfig, changed_settings
from .defaults import DatasetStats, dataset_stats, describe_defaults, resolve_defaults
from .estimate import MANY_EVENTS, Estimate, estimate_training
from .fit import TrainedWeights, fit, train_weights
from .initialize import init_from_cooccurrence
from .loop import Step, train
from .objective import Objective
from .planning import Line, plan_costs
from .processes import Processes, join_processes
from .record import run_summary
from .regularizing import with_one_interest
from .result import TrainResult
from .run_config import RunConfig
from .select_interests import prune_interests
from .select_rules import fit_rule_retriever
from .sizes import Sizes
from .trained import Trained
from .tuning.task import Watch
from .tuning.tune import TuneOptions, TuneResult, check_tune_folder, tune
from .warm_start import WarmStart

__all__ = [
    "LAST",
    "MANY_EVENTS",
    "Coefficients",
    "DatasetStats",
    "Estimate",
    "Line",
    "Objective",
    "Processes",
    "RunConfig",
    "Sizes",
    "Sources",
    "Step",
    "TrainConfig",
    "TrainResult",
    "Trained",
    "TrainedWeights",
    "TuneOptions",
    "TuneResult",
    "WarmStart",
    "Watch",
    "advise_interests",
    "changed_settings",
    "check_tune_folder",
    "dataset_stats",
    "describe_defaults",
    "estimate_training",
    "fit",
    "fit_rule_retriever",
    "init_from_cooccurrence",
    "join_processes",
    "plan_costs",
    "prune_interests",
    "read_coefficients",
    "resolve_defaults",
    "run_summary",
    "saved_progress",
    "train",
    "train_weights",
    "tune",
    "with_one_interest",
]
