"""Use an index class from outside the package: choose it by import path, save and load it."""

import json
from functools import partial

import numpy as np
import pytest

from prismrec.errors import ConfigError, DataError
from prismrec.recommend import build_recommender, load, save
from prismrec.registry import resolve
from prismrec.retrieval import INDEXES, choose_index, load_index
from prismrec.retrieval.index import UpdatedIndex
from worlds import untrained

SOURCE = """
import numpy as np

from prismrec.retrieval import ExactIndex
from prismrec.retrieval.index import UpdatedIndex


class Everything(ExactIndex):
    kind = "everything"

    def add(self, vectors, ids):
        return UpdatedIndex.of(self).add(vectors, ids)


class Inexact(ExactIndex):
    kind = "inexact"
    exact = False

    def search(self, queries, m):
        found = super().search(queries, m)
        return found._replace(items=np.where(found.items % 2, found.items, 0))


class NoKind(ExactIndex):
    pass


class NoIndex:
    kind = "none"
"""
RNG = np.random.default_rng(0)
VECTORS = RNG.standard_normal((40, 8)).astype(np.float32)
IDS = np.arange(1, 41)
QUERIES = RNG.standard_normal((5, 2, 8)).astype(np.float32)
choose = partial(choose_index, VECTORS, IDS, QUERIES)


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    """Write a module that is not installed; return its name."""
    folder = tmp_path_factory.mktemp("external")
    (folder / "my_indexes.py").write_text(SOURCE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield "my_indexes"


@pytest.fixture
def external(module):
    return resolve("index", f"{module}:Everything", INDEXES)


def test_a_class_is_chosen_by_its_import_path(module, external):
    choice = choose(name=f"{module}:Everything")
    assert type(choice.index) is external
    assert choice.recall == 1


def test_a_class_that_is_not_exact_is_measured(module):
    with pytest.raises(DataError, match=r"inexact finds 0\.\d+ of the 40 nearest"):
        choose(name=f"{module}:Inexact", k=40)
    choice = choose(name=f"{module}:Inexact", k=40, min_recall=0)
    assert 0 < choice.recall < 1
    with pytest.raises(DataError, match="without a single interest vector"):
        choose_index(VECTORS, IDS, name=f"{module}:Inexact")


def test_a_class_must_be_an_index_with_its_own_kind(module):
    with pytest.raises(ConfigError, match="has the kind 'exact', but a saved index is loaded by"):
        choose(name=f"{module}:NoKind")
    with pytest.raises(ConfigError, match="not a subclass of Index"):
        choose(name=f"{module}:NoIndex")


def test_a_saved_index_loads_only_if_its_class_is_passed(module, external, tmp_path):
    external.build(VECTORS, IDS).save(tmp_path / "index")
    header = tmp_path / "index" / "index.json"
    with pytest.raises(DataError, match="has the kind 'everything', but this package has only ex"):
        load_index(tmp_path / "index")
    header.write_text(
        json.dumps({**json.loads(header.read_text()), "kind": f"{module}:Everything"})
    )
    for named in (None, external):
        with pytest.raises(DataError, match="has the kind 'my_indexes:Everything', but"):
            load_index(tmp_path / "index", index=named)
    external.build(VECTORS, IDS).save(tmp_path / "index")
    loaded = load_index(tmp_path / "index", index=external)
    assert type(loaded) is external
    assert (loaded.search(QUERIES, 5).items == choose().index.search(QUERIES, 5).items).all()


def test_a_class_of_another_kind_is_named_in_the_error(module, external, tmp_path):
    other = resolve("index", f"{module}:Inexact", INDEXES)
    external.build(VECTORS, IDS).save(tmp_path / "index")
    with pytest.raises(DataError, match=r"index=Inexact has the kind 'inexact'"):
        load_index(tmp_path / "index", index=other)


def test_an_external_part_of_an_updated_index_is_loaded_too(external, tmp_path):
    updated = external.build(VECTORS[1:], IDS[1:]).add(VECTORS[:1], IDS[:1])
    assert isinstance(updated, UpdatedIndex)
    updated.save(tmp_path / "index")
    loaded = load_index(tmp_path / "index", index=external)
    assert type(loaded.base) is external
    assert (loaded.search(QUERIES, 5).items == updated.search(QUERIES, 5).items).all()


def test_an_artifact_with_an_external_index_gives_the_same_lists(
    module, external, dataset, tmp_path
):
    model, histories = untrained(dataset).model, [dataset.histories[user] for user in range(9)]
    name = f"{module}:Everything"
    recommender, _ = build_recommender(model, dataset.catalog, histories, index=name)
    save(recommender, tmp_path / "artifact")
    with pytest.raises(DataError, match="kind 'everything'"):
        load(tmp_path / "artifact")
    loaded = load(tmp_path / "artifact", index=external)
    assert type(loaded.index) is external
    assert (loaded.ranked(histories, 5).items == recommender.ranked(histories, 5).items).all()
