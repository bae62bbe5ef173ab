"""subtopic_recall@k, S-recall: the share of the targets' categories that the list covers.

    |C(targets) ∩ C(first k)| / |C(targets)|,  C(items): the union of the categories of items

Source: Zhai, Cohen and Lafferty, "Beyond Independent Relevance: Methods and Evaluation Metrics for
Subtopic Retrieval", SIGIR 2003. The subtopics of a query are here the categories of the targets.
"""

import numpy as np
from numpy.typing import NDArray

from prismrec.evaluation.metrics.answers import Answers
from prismrec.evaluation.metrics.coverage import shares


def subtopic_recall(answers: Answers, k: int) -> NDArray[np.float64]:
    """Compute the share of the targets' categories that an item of the first k has, in [0, 1].

    Every category counts once, however many targets or listed items have it. A user whose list has
    no item with a category gets 0. NaN if no target has a category.
    """
    wanted = shares(answers.targets, answers.categories)
    both = wanted * shares(answers.lists[:, :k], answers.categories)
    count, common = np.diff(wanted.indptr), (both > 0).sum(axis=1)
    return np.where(count > 0, common / np.maximum(count, 1), np.nan)
