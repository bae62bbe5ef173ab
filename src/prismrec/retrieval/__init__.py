"""Retrieval: from interests to candidates.

Purpose: indexes of item vectors, the search for the candidates of each interest, co-occurrence
rules as a second source of candidates, and merging all candidates into one ranking per user.
Must not depend on: models. It gets interests and item vectors as arrays and never runs a model.

To add an index: write ``index/your_index.py`` and add a line to ``INDEXES``; or name a class of
another package as ``module:Class``. ``tests/contract/test_indexes.py`` then tests it.
To add a source of candidates: write a class with the methods of ``rerank.CandidateSource`` (see
``sources`` and ``blended``), and return it from ``Retriever.source``.

Names are imported when they are first used.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
