"""Models: item vectors, extractors, losses, readouts and samplers.

``Model`` is an item table and an extractor. An extractor computes K interest vectors from a
history. Losses, readouts, samplers and regularizers are functions that training combines.

This package must not depend on data sets, retrieval or lists.

To add a part, write one file or function and add one line to ``EXTRACTORS``, ``LOSSES``,
``READOUTS``, ``SAMPLERS`` or ``REGULARIZERS``. Names are imported when they are first used.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
