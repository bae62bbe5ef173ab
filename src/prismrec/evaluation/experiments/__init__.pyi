from .abtest import ABTest, VariantResult, analyze
from .differences import VariantDifference, difference, sample_ratio
from .estimate import PolicyEstimate, VariantCheck, estimate_policy
from .exposures import (
    Exposures,
    exposure_header,
    exposure_line,
    hash_user,
    read_exposures,
)
from .off_policy import Estimate, LoggedLists, Rate, estimate_rate
from .replay import Policy, Replay, ReplayOptions, replay
from .sample_size import power_of, smallest_effect, users_needed

__all__ = [
    "ABTest",
    "Estimate",
    "Exposures",
    "LoggedLists",
    "Policy",
    "PolicyEstimate",
    "Rate",
    "Replay",
    "ReplayOptions",
    "VariantCheck",
    "VariantDifference",
    "VariantResult",
    "analyze",
    "difference",
    "estimate_policy",
    "estimate_rate",
    "exposure_header",
    "exposure_line",
    "hash_user",
    "power_of",
    "read_exposures",
    "replay",
    "sample_ratio",
    "smallest_effect",
    "users_needed",
]
