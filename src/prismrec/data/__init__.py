"""Read event logs and item descriptions; build data sets, splits and training batches.

Must not depend on torch, models or retrieval.

To add a file format, write a file in ``readers`` and add one line to ``READERS``. To add a named
data set, write a file in ``sources`` and add one line to ``DATASETS``. A split is a function in
``split`` and one line in ``SPLITS``.

Names are imported when they are first used.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
