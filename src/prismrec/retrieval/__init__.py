"""Retrieval: indexes, candidates per interest, co-occurrence rules, and their merge.

Must not depend on: models.

Names are imported when they are first used.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
