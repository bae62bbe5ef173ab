"""Extractors: from a history to K interest vectors.

An extractor is an ``nn.Module`` built from keyword arguments and called as

    extractor(items, mask) -> Interests             of each history
    extractor.prefixes(items, mask) -> Interests    of every prefix of each, for training

with the vectors of the history's items, ``[B, L, D]``, oldest first, and ``mask``, ``[B, L]``,
False at the padding on the right. Its keyword arguments are its whole configuration. It does not
know the catalog, the loss or the index. ``tests/contract/test_extractors.py`` tests its rules for
every entry of the table below.

To add one: write ``extractors/newest.py`` and add a line to ``EXTRACTORS``. To use one from outside
this package: ``--extractor mypkg.mine:Newest``, from an installed module or from a module in the
working folder.
"""

from prismrec.models.extractors.base import Extractor
from prismrec.models.extractors.dr import DynamicRouting
from prismrec.models.extractors.gru import GRU4Rec
from prismrec.models.extractors.mean import MeanPool
from prismrec.models.extractors.mind import SharedRouting
from prismrec.models.extractors.prism import Prism
from prismrec.models.extractors.sa import SelfAttentive
from prismrec.models.extractors.transformer import Transformer

EXTRACTORS: dict[str, type[Extractor]] = {
    "dr": DynamicRouting,
    "gru": GRU4Rec,
    "mean": MeanPool,
    "mind": SharedRouting,
    "prism": Prism,
    "sa": SelfAttentive,
    "transformer": Transformer,
}

__all__ = [
    "EXTRACTORS",
    "DynamicRouting",
    "Extractor",
    "GRU4Rec",
    "MeanPool",
    "Prism",
    "SelfAttentive",
    "SharedRouting",
    "Transformer",
]
