from .arguments import check_cases, check_items
from .baselines import (
    BASELINES,
    EASE_L2,
    KNN_SHRINKS,
    RULE_VARIANTS,
    SIMILAR_ITEMS,
    SIMILAR_PAIRS,
    by_score,
    check_squares,
    cosine_similarities,
    ease_weights,
    popularity,
)
from .benchmark import (
    Benchmark,
    Lists,
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
from .evaluate import evaluate, evaluate_metric
from .experiments.abtest import ABTest, VariantResult, analyze
from .experiments.differences import VariantDifference
from .experiments.estimate import PolicyEstimate, VariantCheck, estimate_policy
from .experiments.exposures import (
    Exposures,
    exposure_header,
    exposure_line,
    hash_user,
    read_exposures,
)
from .experiments.off_policy import Estimate, LoggedLists, Rate, estimate_rate
from .experiments.replay import Policy, ReplayOptions
from .experiments.sample_size import power_of, smallest_effect, users_needed
from .gate import LOST_SHARE, Candidate, Gate, Lost, pass_gate
from .interest_use import INTEREST_LENGTH, measure_interest_use
from .lengths import list_lengths
from .metric_report import Report
from .metrics import METRICS, split_metric
from .pairwise import compare_each_pair, holm, p_value, widened
from .report import (
    REPORT_FILE,
    Content,
    Entry,
    check_report_folder,
    compare_with_single_interest,
    differences,
    markdown_table,
    name_with_one_interest,
    write_report,
)

__all__ = [
    "BASELINES",
    "EASE_L2",
    "INTEREST_LENGTH",
    "KNN_SHRINKS",
    "LOST_SHARE",
    "METRICS",
    "REPORT_FILE",
    "RULE_VARIANTS",
    "SIMILAR_ITEMS",
    "SIMILAR_PAIRS",
    "ABTest",
    "Benchmark",
    "Candidate",
    "Content",
    "Diagnostics",
    "Difference",
    "Entry",
    "Estimate",
    "Exposures",
    "Gate",
    "Lists",
    "LoggedLists",
    "Lost",
    "Policy",
    "PolicyEstimate",
    "Rate",
    "ReplayOptions",
    "Report",
    "TradeoffPoint",
    "VariantCheck",
    "VariantDifference",
    "VariantResult",
    "analyze",
    "by_score",
    "check_cases",
    "check_items",
    "check_report_folder",
    "check_squares",
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
    "estimate_policy",
    "estimate_rate",
    "evaluate",
    "evaluate_metric",
    "exposure_header",
    "exposure_line",
    "hash_user",
    "holm",
    "list_lengths",
    "lists_of",
    "markdown_table",
    "measure_baselines",
    "measure_interest_use",
    "name_with_one_interest",
    "p_value",
    "paired_difference",
    "pass_gate",
    "popularity",
    "power_of",
    "read_exposures",
    "report_content",
    "smallest_effect",
    "split_metric",
    "tradeoff",
    "users_needed",
    "widened",
    "write_report",
]
