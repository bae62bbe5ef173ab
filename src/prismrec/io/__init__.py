"""Files: atomic writes, manifests, tensors, and the number of threads.

Must not depend on: the base of the package; it knows no data set and no model.

Names are imported when they are first used.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
