"""The re-rankers by name.

To add one: write ``rerank/your_reranker.py`` and add a line to the table.
"""

from prismrec.rerank.base import Reranker
from prismrec.rerank.calibrated import calibrated
from prismrec.rerank.category import category
from prismrec.rerank.dpp import dpp
from prismrec.rerank.mmr import mmr
from prismrec.rerank.overlap import overlap
from prismrec.rerank.xquad import xquad

RERANKERS: dict[str, Reranker] = {
    "calibrated": calibrated,
    "category": category,
    "dpp": dpp,
    "mmr": mmr,
    "overlap": overlap,
    "xquad": xquad,
}
