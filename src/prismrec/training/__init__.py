"""Training: from a split to a trained recommender.

Must not depend on: the service, the command line.

Names are imported when they are first used.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)

from prismrec.training.fit import (
    RunConfig,
    Trained,
    fit,
    resolve_defaults,
    run_record,
    run_summary,
    with_one_interest,
)
