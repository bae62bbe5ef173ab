"""Atomic files and folders, manifests, arrays on disk, threads, and progress and steps of work.

Must not depend on any other package of prismrec: it contains nothing about data sets or models.

To describe a new kind of folder, write a ``ManifestForm`` next to the code that writes the folder.
Names are imported when they are first used.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
