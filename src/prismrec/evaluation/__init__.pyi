from .baselines import BASELINES, by_score, cosine_similarities, ease_weights
from .benchmark import (
    Benchmark,
    Lists,
    compare_with_single_interest,
    describe_recommender,
    entries_as_json,
    lists_of,
    measure_baselines,
    report_content,
)
from .compare import Difference, compare, paired_difference
from .diagnostics import Diagnostics, diagnose
from .diversity_tradeoff import TradeoffPoint, tradeoff
from .environment import describe_environment
from .evaluate import evaluate
from .experiments import (
    ABTest,
    Exposures,
    VariantDifference,
    VariantResult,
    analyze,
    exposure_header,
    exposure_line,
    hash_user,
    power_of,
    read_exposures,
    smallest_effect,
    users_needed,
)
from .gate import Candidate, Gate, pass_gate
from .interest_use import INTEREST_LENGTH, measure_interest_use
from .lengths import list_lengths
from .metric_report import Report
from .metrics import METRICS
from .pairwise import compare_each_pair, holm, p_value, widened
from .report import Content, Entry, differences, write_report

__all__ = [
    "BASELINES",
    "INTEREST_LENGTH",
    "METRICS",
    "ABTest",
    "Benchmark",
    "Candidate",
    "Content",
    "Diagnostics",
    "Difference",
    "Entry",
    "Exposures",
    "Gate",
    "Lists",
    "Report",
    "TradeoffPoint",
    "VariantDifference",
    "VariantResult",
    "analyze",
    "by_score",
    "compare",
    "compare_each_pair",
    "compare_with_single_interest",
    "cosine_similarities",
    "describe_environment",
    "describe_recommender",
    "diagnose",
    "differences",
    "ease_weights",
    "entries_as_json",
    "evaluate",
    "exposure_header",
    "exposure_line",
    "hash_user",
    "holm",
    "list_lengths",
    "lists_of",
    "measure_baselines",
    "measure_interest_use",
    "p_value",
    "paired_difference",
    "pass_gate",
    "power_of",
    "read_exposures",
    "report_content",
    "smallest_effect",
    "tradeoff",
    "users_needed",
    "widened",
    "write_report",
]
