"""The recommender: a model, an index and a catalog that answer together.

Purpose: recommend items to histories, with reasons; save and load all of it as one artifact. This
is the only package that combines ``data``, ``models``, ``retrieval`` and ``rerank``. The lists of
``Recommender.ranked`` are those that evaluation measures and that the service sends.

It must not depend on: evaluation, training, the service, the command line.

To add a field to an answer: declare it in ``results``, compute it in ``explain``; the HTTP API and
its documents follow. To add a list option: see ``rerank.ListOptions``, and ``filters`` for one that
excludes items. A recommender is immutable: a change is a ``with_…`` method in ``parts``.

Names are imported when they are first used.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)

# The function publish has the name of its file. Without this import the name would be the module,
# once somebody has imported the file.
from prismrec.recommend.publish import publish
