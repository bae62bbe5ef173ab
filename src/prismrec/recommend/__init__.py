"""The recommender: a model, an index and a catalog that answer together.

Must not depend on: evaluation, training, the service.

Names are imported when they are first used.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
