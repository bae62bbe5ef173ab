from .abtest import ABTest, VariantResult, analyze
from .differences import VariantDifference, difference, sample_ratio
from .exposures import (
    Exposures,
    exposure_header,
    exposure_line,
    hash_user,
    read_exposures,
)
from .sample_size import power_of, smallest_effect, users_needed

__all__ = [
    "ABTest",
    "Exposures",
    "VariantDifference",
    "VariantResult",
    "analyze",
    "difference",
    "exposure_header",
    "exposure_line",
    "hash_user",
    "power_of",
    "read_exposures",
    "sample_ratio",
    "smallest_effect",
    "users_needed",
]
