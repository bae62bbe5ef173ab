"""Check category embeddings: items of a category share them in training, then they are merged."""

import numpy as np
import pytest
import torch

from prismrec.data.histories import Histories
from prismrec.errors import DataError
from prismrec.models.embeddings import ItemCategories, ItemTable
from prismrec.models.extractors import Prism
from prismrec.models.model import Model
from prismrec.models.readouts import MIXTURE
from prismrec.models.samplers import SAMPLERS
from prismrec.training import Objective, TrainConfig, train
from prismrec.training.checkpoint import LAST, read_tensors
from prismrec.training.initialize import init_from_cooccurrence, shrink_to_categories

# Item 1 has the categories 0 and 1, item 2 has 1, item 3 has 0 and 2, item 4 has none.
# Only item 3 has category 2.
INDPTR, IDS = np.array([0, 0, 2, 3, 5, 5]), np.array([0, 1, 1, 0, 2], dtype=np.int32)
SMALL = ItemCategories.of(INDPTR, IDS)


def by_rest(number, size=40):
    """Assign each item to the category of its remainder, and each fifth item also to category 0."""
    rows = [[]] + [sorted({item % number, 0 if item % 5 == 0 else item % number})
                   for item in range(1, size)]  # fmt: skip
    indptr = np.cumsum([0, *map(len, rows)])
    return ItemCategories.of(indptr, np.array([c for row in rows for c in row], dtype=np.int32))


def shared_at_random(table):
    with torch.no_grad():
        table.shared.normal_()
    return table


def config(**options):
    given = {"steps": 24, "batch_size": 64, "warmup": 3, "validate_every": 8, "device": "cpu"}
    return TrainConfig(**given | options)


def test_categories_of_only_one_item_are_dropped():
    assert SMALL.number == 2
    assert SMALL.indptr.tolist() == [0, 0, 2, 3, 4, 4]
    assert SMALL.ids.tolist() == [0, 1, 1, 0]
    empty = ItemCategories.of(np.zeros(4, dtype=np.int64), np.zeros(0, dtype=np.int32))
    assert (empty.number, empty.indptr.tolist()) == (0, [0, 0, 0, 0])


def test_a_vector_is_its_row_plus_its_category_embeddings():
    table = ItemTable(5, 3)
    table.add_category_embeddings(SMALL)
    assert torch.equal(table.rows(), table.weight)  # category embeddings start at zero
    own, shared = table.weight, shared_at_random(table).shared
    items = torch.tensor([[3, 1], [0, 4]])
    expected = torch.stack([
        own[3] + shared[0], own[1] + (shared[0] + shared[1]) / 2**0.5, torch.zeros(3), own[4],
    ])  # fmt: skip
    torch.testing.assert_close(table(items).flatten(0, 1), expected)
    torch.testing.assert_close(table.rows()[items], table(items))


@pytest.mark.parametrize("similarity", ["dot", "cosine"])
@pytest.mark.parametrize("tie_embeddings", [False, True])
def test_merging_category_embeddings_changes_no_result_and_leaves_a_plain_model(
    new_model, tie_embeddings, similarity
):
    options = {"tie_embeddings": tie_embeddings, "similarity": similarity, "normalized": True}
    model = new_model("prism", **options)
    plain = {name: value.shape for name, value in model.state_dict().items()}
    model.add_category_embeddings(by_rest(4))
    for table in model.tables:
        shared_at_random(table)
    history = torch.tensor([[3, 5, 7], [2, 9, 0]])

    def results():
        with torch.no_grad():
            found = model.eval()(history, history != 0)
        return *found, model.item_vectors().detach()

    before = results()
    assert {name: value.shape for name, value in model.state_dict().items()} != plain
    model.merge_category_embeddings()
    for one, other in zip(results(), before, strict=True):
        torch.testing.assert_close(one, other)
    assert {name: value.shape for name, value in model.state_dict().items()} == plain
    assert (model.items.weight[0] == 0).all()
    new_model("prism", **options).load_state_dict(model.state_dict())


@pytest.mark.slow
@pytest.mark.parametrize("sparse", [False, True])
def test_an_item_without_events_learns_from_the_items_of_its_category(sparse):
    # Each user has only even or only odd items. Items 1 and 2 have no events.
    rng = np.random.default_rng(0)
    histories = Histories.of([rng.permutation(np.arange(3 + n % 2, 21, 2)) for n in range(200)])
    counts = torch.from_numpy(histories.counts(21))
    objective = Objective(negatives=SAMPLERS["uniform"](counts, 12))
    odd, even = [3, 5, 7], [4, 6, 8]

    def preference(*, shares):
        """Return how much odd users prefer item 1 to 2, plus how much even users prefer 2 to 1."""
        torch.manual_seed(0)
        model = Model(21, Prism(dim=8, interests=1, max_len=8), tie_embeddings=False)
        if shares:
            model.add_category_embeddings(by_rest(2, 21))
        train(model, histories, config(steps=60, learning_rate=0.02, sparse=sparse), objective)
        history = torch.tensor([odd, even])
        with torch.no_grad():
            scores = model(history, history != 0).vectors[:, 0] @ model.item_vectors().T
        return float(scores[0, 1] - scores[0, 2] + scores[1, 2] - scores[1, 1])

    assert abs(preference(shares=False)) < 1
    assert preference(shares=True) > 2


@pytest.mark.slow
def test_a_resumed_run_with_category_embeddings_equals_an_uninterrupted_one(
    new_model, histories, weights, assert_same, tmp_path
):
    class StopError(Exception):
        pass

    def started():
        model = new_model("prism", tie_embeddings=False, dropout=0.2)
        model.add_category_embeddings(by_rest(4))
        return model

    def stop(progress):
        if progress.step == 19:
            raise StopError

    uninterrupted, resumed, other = (
        started(),
        started(),
        new_model("prism", tie_embeddings=False, dropout=0.2),
    )
    objective, options = Objective(readout=MIXTURE), config(ema_decay=0.9)
    train(uninterrupted, histories, options, objective, validate=lambda: 0.5)
    with pytest.raises(StopError):
        train(
            started(), histories, options, objective,
            validate=lambda: 0.5, folder=tmp_path, on_step=stop,
        )  # fmt: skip
    assert not any("ids" in name for name in read_tensors(tmp_path / LAST)[0])
    other.add_category_embeddings(by_rest(3))
    with pytest.raises(DataError, match="other settings or data"):
        train(other, histories, options, objective, folder=tmp_path, resume=True)
    train(
        resumed, histories, options, objective,
        validate=lambda: 0.5, folder=tmp_path, resume=True,
    )  # fmt: skip
    assert resumed.items.shared is None
    assert_same(weights(resumed), weights(uninterrupted))


@pytest.mark.slow
def test_weight_decay_does_not_apply_to_item_embeddings(new_model, histories):
    models = []
    for decay in (0.0, 0.5):
        model = new_model()
        model.add_category_embeddings(by_rest(4))
        train(model, histories, config(steps=2, warmup=0, weight_decay=decay))
        models.append(model)
    # The extractors differ after the first step, so the second step differs a little.
    torch.testing.assert_close(models[0].items.weight, models[1].items.weight, atol=2e-4, rtol=0)


# ---- initial vectors ------------------------------------------------------------------------


def test_vectors_of_rare_items_move_towards_their_categories():
    vectors = np.array([[0, 0], [2, 0], [0, 4], [9, 9], [1, 1]], dtype=np.float32)
    counts = np.array([0, 5, 20, 0, 3])
    found = shrink_to_categories(vectors, counts, SMALL)
    first = vectors[1]  # the vector of category 0: only item 1 of it has events
    both = (vectors[1] * 5**0.5 + vectors[2] * 20**0.5) / (5**0.5 + 20**0.5)
    np.testing.assert_allclose(found[3], first, rtol=1e-6)  # no events: the vector of its category
    np.testing.assert_allclose(found[1], (vectors[1] + (first + both) / 2) / 2, rtol=1e-6)
    np.testing.assert_allclose(found[2], 0.8 * vectors[2] + 0.2 * both, rtol=1e-6)
    np.testing.assert_array_equal(found[4], vectors[4])
    np.testing.assert_array_equal(found[0], 0)


def test_without_events_the_initial_vectors_are_finite(new_model):
    model = new_model("prism", tie_embeddings=False)
    init_from_cooccurrence(model, Histories.of([[]]), seed=0, item_categories=by_rest(4))
    assert torch.isfinite(model.item_vectors()).all()
    assert (model.items.weight[0] == 0).all()
