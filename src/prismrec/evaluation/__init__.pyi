from .baselines import (
    BASELINES as BASELINES,
)
from .baselines import (
    by_score as by_score,
)
from .benchmark import (
    Benchmark as Benchmark,
)
from .benchmark import (
    Lists as Lists,
)
from .benchmark import (
    compare_with_single_interest as compare_with_single_interest,
)
from .benchmark import (
    describe_recommender as describe_recommender,
)
from .benchmark import (
    entries_as_json as entries_as_json,
)
from .benchmark import (
    lists_of as lists_of,
)
from .benchmark import (
    measure_baselines as measure_baselines,
)
from .benchmark import (
    report_content as report_content,
)
from .compare import (
    Difference as Difference,
)
from .compare import (
    compare as compare,
)
from .diagnostics import (
    Diagnostics as Diagnostics,
)
from .diagnostics import (
    diagnose as diagnose,
)
from .diversity_tradeoff import (
    TradeoffPoint as TradeoffPoint,
)
from .diversity_tradeoff import (
    tradeoff as tradeoff,
)
from .environment import describe_environment as describe_environment
from .evaluate import evaluate as evaluate
from .metric_report import Report as Report
from .metrics import METRICS as METRICS
from .report import (
    Content as Content,
)
from .report import (
    Entry as Entry,
)
from .report import (
    differences as differences,
)
from .report import (
    write_report as write_report,
)

__all__ = [
    "BASELINES",
    "METRICS",
    "Benchmark",
    "Content",
    "Diagnostics",
    "Difference",
    "Entry",
    "Lists",
    "Report",
    "TradeoffPoint",
    "by_score",
    "compare",
    "compare_with_single_interest",
    "describe_environment",
    "describe_recommender",
    "diagnose",
    "differences",
    "entries_as_json",
    "evaluate",
    "lists_of",
    "measure_baselines",
    "report_content",
    "tradeoff",
    "write_report",
]
