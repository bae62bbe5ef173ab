"""Evaluation: metrics, baselines, paired comparison, diagnostics and reports.

Every number is measured on the lists that are served, for all users of a split, over the whole
catalog.

Must not depend on: training, the service, the command line. Metrics, baselines, ``evaluate`` and
``compare`` run without torch.

To add a metric or a baseline, add one file and one line in ``METRICS`` or ``BASELINES``. Names are
imported when they are first used.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)

# The functions compare and evaluate have the names of their files. Without these imports the names
# would be the modules, once somebody has imported such a file.
from prismrec.evaluation.compare import Difference, compare
from prismrec.evaluation.evaluate import evaluate
