"""Evaluation: metrics, baselines, paired comparison, diagnostics and reports.

Must not depend on: training, the service.

Names are imported when they are first used.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)

from prismrec.evaluation.compare import Difference, compare
from prismrec.evaluation.evaluate import DEPTHS, Report, evaluate, half_width
