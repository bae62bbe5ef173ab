"""Check that evaluating the served lists gives exactly the numbers of the model alone."""

from functools import partial

import numpy as np
import pytest
import torch

from prismrec.data.split import split_by_user
from prismrec.evaluation.evaluate import evaluate
from prismrec.recommend.artifact import load, save
from prismrec.types import RankedItems
from worlds import small_dataset, untrained


def straight_from(model, exclude_seen):
    """Return a function that recommends by the scores of all items, without index or merge."""

    def recommend(histories, k):
        items = np.zeros((len(histories), k), dtype=np.int64)
        vectors = model.item_vectors()
        for row, history in enumerate(histories):
            read = torch.from_numpy(np.array(history[-model.extractor.max_len :]))[None]
            interests = model(read, read > 0)
            scores = (interests.vectors[0] @ vectors.T + interests.bias[0, :, None]).double()
            scores[~interests.active[0]] = -torch.inf
            best = scores.amax(0).detach().numpy()
            best[[0, *history] if exclude_seen else [0]] = -np.inf
            order = np.argsort(-best, kind="stable")[:k]
            items[row] = np.where(np.isinf(best[order]), 0, order)
        return RankedItems(items, np.zeros(items.shape, np.float32), np.zeros_like(items))

    return recommend


@pytest.mark.slow
@pytest.mark.parametrize("extractor", ["mean", "sa", "dr", "mind", "gru", "transformer"])
@pytest.mark.parametrize("exclude_seen", [True, False])
def test_the_recommender_and_the_model_alone_get_the_same_metrics(
    tmp_path, extractor, exclude_seen
):
    dataset = small_dataset()
    interests = 1 if extractor in ("mean", "gru") else 3
    check_served(
        tmp_path, untrained(dataset, extractor=extractor, interests=interests), exclude_seen
    )


@pytest.mark.slow
@pytest.mark.parametrize("exclude_seen", [True, False])
@pytest.mark.parametrize("mask_history_negatives", [True, False])
def test_the_metrics_are_also_equal_with_normalized_scores(
    tmp_path, exclude_seen, mask_history_negatives
):
    options = {
        "tie_embeddings": False,
        "normalized": True,
        "mask_history_negatives": mask_history_negatives,
    }
    recommender = untrained(small_dataset(), extractor="prism", **options)
    check_served(tmp_path, recommender, exclude_seen)


def check_served(tmp_path, recommender, exclude_seen):
    dataset = small_dataset()
    save(recommender, tmp_path / "a")
    served = load(tmp_path / "a")
    cases = split_by_user(dataset, valid=0.0, test=0.5).test
    measure = partial(evaluate, cases=cases, ks=(5, 20), catalog=dataset.catalog)
    model_alone = measure(straight_from(recommender.model, exclude_seen))
    through = measure(partial(served.ranked, exclude_seen=exclude_seen, diversity=0.0))
    assert through.metrics == model_alone.metrics
