"""Training: from a split to a trained recommender.

``fit`` chooses settings from the data, trains a model, selects interests and rules on validation,
and returns a recommender. ``train`` is the training loop alone, for a model of your own.

This package must not depend on the service or on the command line.

To add a part of a model, see ``prismrec.models``; ``RunConfig`` names it. A new setting is a field
of ``RunConfig`` or ``TrainConfig`` and, if its default depends on the data, a line in
``defaults.py``. Importing this package imports ``fit`` and, with it, torch.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)

# The function fit has the name of its file. Without this import the name would be the module, once
# somebody has imported the file.
from prismrec.training.fit import fit
