"""Check the warm start: items are mapped by their ids; settings cannot contradict the weights."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prismrec.data import Attributes, Catalog, Histories, IdMap
from prismrec.data.split import split_by_user
from prismrec.errors import ConfigError, DataError
from prismrec.models.extractors import SelfAttentive
from prismrec.models.model import Model
from prismrec.recommend import ArtifactClasses, artifact_name
from prismrec.recommend.artifact import load, save
from prismrec.recommend.cold_start import add_items
from prismrec.recommend.recommender import Recommender
from prismrec.training import RunConfig, Sources, TrainConfig, WarmStart, fit
from prismrec.training.earlier_weights import RELATED, copy_weights, new_items
from worlds import small_dataset, untrained

pytestmark = pytest.mark.slow

SMALL, ONE = RunConfig(dim=8, rules=True), TrainConfig(epochs=1)


def catalog_of(names, categories=()):
    """Return a catalog of these ids; ``categories`` has a list of names per item."""
    own = [list(each) for each in categories] or [[] for _ in names]
    kinds = sorted({name for each in own for name in each})
    ids = np.array([kinds.index(n) for each in own for n in sorted(each)], dtype=np.int32)
    return Catalog(
        items=IdMap(list(names), first=1, kind="item"),
        titles=pl.Series(list(names), dtype=pl.String),
        category_names=kinds,
        category_indptr=np.cumsum([0, 0, *map(len, own)]),
        category_ids=ids,
        count=np.zeros(len(names) + 1, dtype=np.int64),
    )


def model_of(size, seed, **options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Model(size, SelfAttentive(dim=4, interests=2, max_len=5), **options)
        if model.outputs is not None:
            model.set_item_vectors(*torch.randn(2, size, 4), torch.randn(size))
        return model


names = st.lists(st.text("abcdef", min_size=1, max_size=2), min_size=1, unique=True)


@given(earlier=names, today=names, tied=st.booleans())
def test_vectors_are_equal_by_external_id_whatever_the_order_and_the_set_of_items(
    earlier, today, tied
):
    known, catalog = catalog_of(earlier), catalog_of(today)
    old = model_of(known.size, 0, tie_embeddings=tied)
    new = model_of(catalog.size, 1, tie_embeddings=tied)
    copy_weights(old, new, known.numbers_of(catalog))
    for before, after in zip(old.tables, new.tables, strict=True):
        assert not after.weight[0].any()
        for number, name in enumerate(today, start=1):
            if name in earlier:
                row = before.weight[1 + earlier.index(name)]
            else:
                row = torch.zeros(before.embedding_dim)
                if after is new.outputs:
                    row[-1] = before.weight[1:, -1].min()
            assert torch.equal(after.weight[number], row)
    for name, value in old.extractor.state_dict().items():
        assert torch.equal(new.extractor.state_dict()[name], value)


def test_a_new_item_gets_the_vectors_of_an_item_that_is_added_to_a_service():
    known = catalog_of("abcd", [["x"], ["x"], ["y"], []])
    today = catalog_of("nbmdoca", [["x", "z"], ["x"], [], [], ["z"], ["y"], ["x"]])
    # n (1) occurs near b (2); m (3) near d (4) twice and near b once; o (5) has nothing known.
    train = Histories.of([[1, 2], [3, 4], [4, 3, 2], [5], [6, 7]])
    new = {item.id: item for item in new_items(known, today, train)}
    assert list(new) == ["n", "m", "o"]
    assert (new["n"].categories, new["n"].related_to) == (("x",), ("b",))
    assert (new["m"].categories, sorted(new["m"].related_to)) == ((), ["b", "d"])
    assert (new["o"].categories, new["o"].related_to) == ((), ())

    old = model_of(known.size, 0, tie_embeddings=False)
    larger, described = add_items(old, known, [new["n"], new["m"]])
    model = model_of(today.size, 1, tie_embeddings=False)
    copy_weights(larger, model, described.numbers_of(today))
    a, b, _, d = old.items.weight[1:].detach()
    for number, weights in ((1, [0.25, 0.75, 0]), (3, [0, 0.5, 0.5])):
        parts = list(zip(weights, (a, b, d), strict=True))
        mean, length = sum(w * v for w, v in parts), sum(w * v.norm() for w, v in parts)
        assert torch.allclose(model.items.weight[number], length * mean / mean.norm())
    assert not model.items.weight[5].any()


def test_a_new_item_is_related_to_the_items_that_occur_most_often_near_it():
    known = catalog_of([f"k{n}" for n in range(30)])
    today = catalog_of(["new", *(f"k{n}" for n in range(30))])
    often = [[1, number] for number in range(2, 12) for _ in range(2)]
    seldom = [[1, number] for number in range(12, 32)]
    (item,) = new_items(known, today, Histories.of(often + seldom))
    assert sorted(item.related_to) == sorted(f"k{number}" for number in range(RELATED))


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """Train once; return the data set, its split and the folder of the artifact."""
    dataset = small_dataset()
    split = split_by_user(dataset)
    trained = fit(split, dataset.catalog, SMALL, replace(ONE, epochs=2))
    folder = tmp_path_factory.mktemp("earlier") / "books"
    save(trained.recommender, folder)
    return dataset, split, folder


def test_a_warm_start_takes_the_settings_and_a_third_of_the_full_rate_every_night(
    earlier, tmp_path
):
    dataset, split, folder = earlier
    for night in (1, 2):
        start = WarmStart.read(folder)
        config, training = start.settings(RunConfig(), TrainConfig())
        assert (config.dim, config.extractor, config.readout) == (8, "prism", "mixture")
        assert training.epochs == 1
        assert training.learning_rate == pytest.approx(8e-3 / 3)
        trained = fit(split, dataset.catalog, config, training, sources=Sources(start=start))
        assert trained.start["nights"] == night
        assert trained.start["artifact"] == start.name
        assert trained.start["shared_items"] == dataset.catalog.size - 1
        folder = tmp_path / str(night)
        save(trained.recommender, folder)
        made = json.loads((folder / "manifest.json").read_text())
        assert made["about"]["start"]["full_learning_rate"] == pytest.approx(8e-3)
        earlier_rules = start.recommender.rules
        assert (trained.recommender.rules is None) == (earlier_rules is None)
        if earlier_rules is not None:
            assert trained.recommender.rules.kind == earlier_rules.kind
            assert trained.recommender.rules.weight == earlier_rules.weight
        assert trained.recommender.model.forming == start.recommender.model.forming


def test_given_settings_win_and_those_that_contradict_the_weights_are_errors(earlier):
    start = WarmStart.read(earlier[2])
    wanted = TrainConfig(learning_rate=1e-4, steps=3, batch_size=7)
    config, training = start.settings(RunConfig(dropout=0.4, dim=8), wanted)
    assert (config.dropout, training) == (0.4, replace(training, **vars(wanted) | {
        name: getattr(training, name) for name in ("horizon", "sparse", "ema_decay")
    }))  # fmt: skip
    assert training.epochs is None
    conflicts = (
        RunConfig(dim=16), RunConfig(extractor="gru"), RunConfig(interests=4),
        RunConfig(options={"block": "no"}), RunConfig(tie_embeddings=True),
    )  # fmt: skip
    for config in conflicts:
        with pytest.raises(ConfigError, match="warm start keeps it"):
            start.settings(config, TrainConfig())
    with pytest.raises(ConfigError, match="dim is 64, but the earlier artifact"):
        start.settings(RunConfig(), TrainConfig(), given={"dim"})


def test_a_data_set_without_a_shared_item_is_an_error(earlier):
    start = WarmStart.read(earlier[2])
    other = small_dataset("synthetic:many-taste?users=60&items=40&clusters=8&events=12&seed=3")
    ids = IdMap([f"other-{n}" for n in range(other.catalog.size - 1)], first=1, kind="item")
    other = replace(other, catalog=replace(other.catalog, items=ids))
    config, training = start.settings(RunConfig(), TrainConfig())
    with pytest.raises(DataError, match="no item of the earlier artifact"):
        fit(split_by_user(other), other.catalog, config, training, sources=Sources(start=start))


@pytest.mark.parametrize(
    ("run", "error", "message"),
    [
        ({"loss": "os:system"}, ConfigError, "loss of the earlier training was 'os:system'"),
        ({"batch_size": "7"}, DataError, "setting batch_size with the value '7'"),
        ({"dropout": True}, DataError, "setting dropout with the value True"),
        ({"schedule": "often"}, DataError, "setting schedule with the value 'often'"),
    ],
)
def test_a_manifest_from_outside_causes_no_import_and_no_wrong_type(
    earlier, tmp_path, run, error, message
):
    save(replace(load(earlier[2]), about={"run": run}), tmp_path / "a")
    with pytest.raises(error, match=message):
        WarmStart.read(tmp_path / "a").settings(RunConfig(), TrainConfig())


def test_an_artifact_without_a_record_of_its_run_can_be_started_from(earlier, tmp_path):
    dataset, split, folder = earlier
    save(replace(load(folder), about={}), tmp_path / "a")
    start = WarmStart.read(tmp_path / "a")
    config, training = start.settings(RunConfig(rules=False), TrainConfig(steps=1))
    trained = fit(split, dataset.catalog, config, training, sources=Sources(start=start))
    assert isinstance(trained.recommender, Recommender)
    assert trained.start["nights"] == 1
    assert "the artifact does not state the settings of its training" in trained.notes["init"]


def test_an_artifact_that_is_replaced_while_it_is_read_is_read_again(tmp_path):
    dataset = small_dataset()
    save(untrained(dataset), tmp_path / "a")

    class Replaced(ArtifactClasses):
        def load(self, folder):
            loaded = super().load(folder)
            if loaded.model.interests == 3:
                save(untrained(dataset, interests=2), folder)
            return loaded

    start = WarmStart.read(tmp_path / "a", Replaced())
    assert start.recommender.model.interests == 2
    assert start.name == artifact_name(tmp_path / "a")


def test_what_a_night_lost_of_the_data_set_is_a_note(earlier, tmp_path):
    dataset, split, folder = earlier
    prices = Attributes.of({"price": pl.Series([1.0] * (dataset.catalog.size - 1))})
    catalog = dataset.catalog.with_attributes(prices)
    rules = {"weighting": {"dislikes": "event=return", "kinds": {"view": 1}}}
    save(replace(load(folder), catalog=catalog, about={"dataset": rules}), tmp_path / "a")
    start = WarmStart.read(tmp_path / "a")
    trained = fit(
        split, dataset.catalog, replace(SMALL, rules=False), TrainConfig(steps=1),
        sources=Sources(start=start),
    )  # fmt: skip
    lost = {name: note for name, note in trained.notes.items() if name.startswith("lost_")}
    assert set(lost) == {"lost_attributes", "lost_dislikes", "lost_weights"}
    assert "has the attributes price (number), but this one lacks them" in lost["lost_attributes"]
    disliking = replace(split, dislikes=Histories.of([[] for _ in range(len(split.train))]))
    assert set(start.lost(disliking, catalog, projection=False)) == {"lost_weights"}
