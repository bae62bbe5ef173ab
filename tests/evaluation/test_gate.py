"""Check the gate: a worse artifact is refused, an equal one passes, and ids are mapped."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from commands import run
from prismrec.cli import _gate
from prismrec.cli._split_data import read_split_data
from prismrec.data import Attributes, Case, Catalog, IdMap
from prismrec.data.dataset import build_dataset
from prismrec.data.events import read_events
from prismrec.data.split import split_by_time
from prismrec.data.storage import save_dataset
from prismrec.errors import ConfigError, DataError
from prismrec.evaluation.evaluate import evaluate
from prismrec.evaluation.gate import Candidate, cases_of, lost_items, on_catalog, pass_gate
from prismrec.recommend.artifact import load, save
from prismrec.recommend.cold_start import NewItem
from prismrec.training import RunConfig, TrainConfig, fit
from worlds import untrained

pytestmark = pytest.mark.slow


def log_of(days, *, users=80, items=60, seed=0):
    """Return events in which most users go to the next item of one of three groups."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 3, users)
    rows = []
    for day in range(days):
        for user in range(users):
            first = rng.integers(0, items // 3)
            for step in range(3):
                item = 3 * ((first + step) % (items // 3)) + group[user]
                rows.append((f"u{user}", f"i{item}", 86_400 * (day + 1) + 60 * step))
    return pl.DataFrame(rows, schema=["user", "item", "time"], orient="row")


def dataset_of(frame):
    return build_dataset(read_events(frame), min_user_events=1, min_item_events=1)


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    """Train on the log of one day and save it; return the data set of a later day as well."""
    folder = tmp_path_factory.mktemp("nights")
    frame = log_of(6)
    for name, days in (("yesterday", 5), ("today", 6)):
        dataset = dataset_of(frame.filter(pl.col("time") < 86_400 * (days + 1)))
        save_dataset(dataset, folder / name, split={"name": "by-time", "options": {}})
        split = split_by_time(dataset)
        trained = fit(
            split, dataset.catalog, RunConfig(dim=8, rules=False, forming=False),
            TrainConfig(epochs=2, batch_size=128),
        )  # fmt: skip
        save(trained.recommender, folder / f"model-{name}")
    return folder, dataset, split


def shuffled(recommender, seed=0):
    """Return the recommender with its ids in another order: each vector is of another item."""
    names = recommender.catalog.items.ids.to_list()
    order = np.random.default_rng(seed).permutation(len(names))
    ids = IdMap([names[place] for place in order], first=1, kind="item")
    return replace(recommender, catalog=replace(recommender.catalog, items=ids))


def decide(new, old, dataset, split, **options):
    both = (Candidate("new", new), Candidate("old", old))
    return pass_gate(*both, dataset.catalog, split.test, k=6, **options)


def test_an_equal_artifact_passes_and_a_shuffled_one_is_refused(nights):
    folder, dataset, split = nights
    model = load(folder / "model-today")
    equal = decide(model, model, dataset, split)
    assert equal.passed
    assert (equal.all_ids.mean, equal.all_ids.interval, equal.shared_ids.mean) == (0, 0, 0)
    assert equal.sentence.startswith("Passed: new may replace old: recall@6: level")
    worse = decide(shuffled(model), model, dataset, split)
    assert not worse.passed
    assert worse.all_ids.verdict == worse.shared_ids.verdict == "worse"
    assert worse.sentence.startswith("Refused: new must not replace old: recall@6: worse by")
    assert decide(model, shuffled(model), dataset, split).passed


def test_an_artifact_of_another_data_set_is_measured_by_its_external_ids(nights):
    folder, dataset, split = nights
    old = load(folder / "model-yesterday")
    assert not old.catalog.begins_with(dataset.catalog), "the numbers differ"
    recommend = on_catalog(old, dataset.catalog, exclude_seen=False)
    ranked = recommend([case.history for case in split.test], 5)
    for case, row in zip(split.test, ranked.items.tolist(), strict=True):
        names = dataset.catalog.items.external(case.history.tolist())
        expected = old.recommend(names, 5, exclude_seen=False, explain=False)
        assert dataset.catalog.items.external(row) == [item.id for item in expected]


def test_items_that_only_one_catalog_has_are_misses_over_all_ids_and_no_candidates_over_shared(
    dataset,
):
    model = untrained(dataset)
    names = dataset.catalog.items.ids.to_list()
    smaller = Catalog(
        items=IdMap(["new", *names[5:]], first=1, kind="item"),
        titles=pl.Series(["new", *names[5:]]),
        category_names=[], category_indptr=np.zeros(len(names) - 2, dtype=np.int64),
        category_ids=np.zeros(0, dtype=np.int32), count=np.zeros(len(names) - 3, dtype=np.int64),
    )  # fmt: skip
    histories = [np.array([number, 1]) for number in range(2, 12)]
    every = on_catalog(model, smaller, exclude_seen=True)(histories, 20).items
    for row, history in zip(every, histories, strict=True):
        known = [names.index(smaller.items.external([n])[0]) + 1 for n in history if n > 1]
        found = model.ranked([np.array(known)], 20, exclude_seen=True).items[0]
        for mine, own in zip(row.tolist(), found.tolist(), strict=True):
            if mine < smaller.size:
                assert smaller.items.external([mine]) == [names[own - 1]]
            else:
                assert names[own - 1] not in smaller.items
        assert len(set(row.tolist())) == len(row)
    shared = model.catalog.numbers_of(smaller) > 0
    only = on_catalog(model, smaller, shared, exclude_seen=True)(histories, 20).items
    assert only.max() < smaller.size
    assert shared[only[only > 0]].all()
    case = Case(np.array([2]), np.array([1, 3]))
    (kept,) = cases_of([case, Case(np.array([2]), np.array([1]))], shared)
    assert kept.targets.tolist() == [3]
    everyone = [case] * 2
    assert evaluate(
        on_catalog(model, smaller, exclude_seen=True), everyone, ks=(5,), only=("recall",)
    ).users == 2  # fmt: skip


def test_data_on_which_the_old_artifact_fails_proves_nothing(nights):
    folder, _, split = nights
    new, old = load(folder / "model-today"), load(folder / "model-yesterday")
    catalog = shuffled(new).catalog  # today's log has other ids
    both = (Candidate("new", new), Candidate("old", old, 0.9))
    gate = pass_gate(*both, catalog, split.test, k=6)
    assert not gate.passed
    assert "so the data probably has other ids or is damaged" in gate.sentence


def test_too_few_users_are_an_error_and_no_decision(nights):
    folder, dataset, split = nights
    model = load(folder / "model-today")
    both = (Candidate("new", model), Candidate("old", model))
    with pytest.raises(DataError, match="only 19 test users have targets and it needs 20"):
        pass_gate(*both, dataset.catalog, split.test[:19], k=6)


def test_the_command_has_its_own_exit_code_for_a_refusal(nights, tmp_path, capsys):
    folder, _, _ = nights
    new, old, data = folder / "model-today", folder / "model-yesterday", folder / "today"
    assert run("evaluate", new, old, "--data", data, "--gate", "-k", 6) == 0
    assert "Passed: " in capsys.readouterr().out
    save(shuffled(load(new)), tmp_path / "bad")
    assert run("evaluate", tmp_path / "bad", old, "--data", data, "--gate", "--json") == 3
    gate = json.loads(capsys.readouterr().out)["gate"]
    assert gate["passed"] is False
    assert gate["all_ids"]["verdict"] == "worse"
    assert set(gate) == {
        "new", "old", "passed", "reason", "all_ids", "shared_ids", "recall", "items", "lost",
        "lost_capabilities", "sentence",
    }  # fmt: skip
    assert run("evaluate", new, old, "--data", folder / "nowhere", "--gate") == 2
    assert run("evaluate", new, "--data", data, "--gate") == 2
    assert "--gate compares two artifacts" in capsys.readouterr().err
    assert run("evaluate", new) == 2
    assert "no data set folder" in capsys.readouterr().err


def test_a_link_that_is_switched_meanwhile_is_read_once(nights, tmp_path, capsys, monkeypatch):
    folder, _, _ = nights
    old, data, link = folder / "model-yesterday", folder / "today", tmp_path / "current"
    save(shuffled(load(folder / "model-today")), tmp_path / "bad")
    link.symlink_to(folder / "model-today")

    def switch_and_read(*arguments, **options):
        link.unlink()
        link.symlink_to(tmp_path / "bad")
        return read_split_data(*arguments, **options)

    monkeypatch.setattr(_gate, "read_split_data", switch_and_read)
    assert run("evaluate", link, old, "--data", data, "--gate", "-k", 6, "--json") == 0
    assert json.loads(capsys.readouterr().out)["gate"]["new"] == str(link)


def test_an_artifact_that_does_not_state_its_training_is_named(nights, tmp_path, capsys):
    folder, _, _ = nights
    data, made = folder / "today", tmp_path / "by-hand"
    save(replace(load(folder / "model-today"), about={}), made)
    sentence = f"{made} does not state the data set and the split of its training"
    old = folder / "model-today"
    assert run("evaluate", made, old, "--data", data, "--gate", "-k", 6) == 0
    assert sentence.replace(" ", "") in "".join(capsys.readouterr().out.split())
    for one, count in ((made, 1), (old, 0)):
        assert run("evaluate", one, data, "-k", 6, "--json") == 0
        found = json.loads(capsys.readouterr().out)["differences"]
        assert sum(each.startswith(sentence) for each in found) == count


def test_the_length_is_that_of_the_validation_also_after_items_were_added(nights, tmp_path, capsys):
    folder, _, _ = nights
    new, old, data = folder / "model-today", folder / "model-yesterday", folder / "today"
    added = [NewItem(id=f"added-{n}", related_to=["i0"]) for n in range(60)]
    save(load(old).with_items(added), tmp_path / "old")
    for earlier in (old, tmp_path / "old"):
        assert run("evaluate", new, earlier, "--data", data, "--gate", "--json") == 0
        gate = json.loads(capsys.readouterr().out)["gate"]
        assert gate["all_ids"]["metric"] == "recall@6"
        assert gate["lost"] == {"items": 0, "of": 60, "share": 0}
    save(shuffled(load(old)).with_items(added), tmp_path / "shuffled")
    assert run("evaluate", new, tmp_path / "shuffled", "--data", data, "--gate") == 3
    assert "so the data probably has other ids or is damaged" in " ".join(
        capsys.readouterr().out.split()
    )
    assert run("evaluate", new, old, "--data", data, "--gate", "-k", 5, "-k", 6) == 2
    assert "one length, but -k was given 2 times" in capsys.readouterr().err


def test_an_artifact_that_lacks_a_part_of_the_items_is_refused(nights, capsys):
    folder, _, _ = nights
    old = load(folder / "model-yesterday")
    frame = log_of(6).filter(pl.col("item").str.slice(1).cast(pl.Int64) % 3 != 0)
    dataset = dataset_of(frame)
    split = split_by_time(dataset)
    new = untrained(dataset)
    lost = lost_items(new.catalog, old.catalog)
    assert (lost.items, lost.of) == (20, 60)
    counts = dict(zip(old.catalog.items.ids, old.catalog.count[1:].tolist(), strict=True))
    third = sum(counts[f"i{number}"] for number in range(0, 60, 3))
    assert lost.share == pytest.approx(third / sum(counts.values()))
    gate = decide(new, new, dataset, split)
    assert (gate.passed, gate.lost.items) == (True, 0)
    gate = decide(new, old, dataset, split)
    assert "it has no events of 20 of 60 items of the old artifact" in gate.sentence
    assert "but 10.0% is allowed" in gate.sentence
    assert "no events" not in decide(new, old, dataset, split, lost_share=0.5).sentence
    items = [NewItem(id=f"i{number}", related_to=["i1"]) for number in range(60)]
    again = new.with_items(items)  # from the file of items, which is still complete
    assert len(again.provisional) == 20
    assert lost_items(again.catalog, old.catalog) == lost
    assert "it has no events of 20 of 60 items" in decide(again, old, dataset, split).sentence
    assert decide(new, again, dataset, split).lost.items == 0
    with pytest.raises(ConfigError, match=r"lost_share is 1\.5"):
        decide(new, old, dataset, split, lost_share=1.5)
    assert run("evaluate", folder / "model-today", folder / "today", "--lost-share", 0.5) == 2
    assert "--lost-share is for --gate" in capsys.readouterr().err


def test_an_artifact_that_lost_attributes_or_dislikes_is_refused_and_one_that_lost_weights_is_not(
    nights, tmp_path, capsys
):
    folder, dataset, split = nights
    new, old, data = folder / "model-today", load(folder / "model-yesterday"), folder / "today"
    prices = Attributes.of({"price": pl.Series([1.0] * (old.catalog.size - 1))})
    filtered = replace(old, catalog=old.catalog.with_attributes(prices))
    rules = {"dislikes": "event=return", "dislikes_by": "kind", "kinds": {"view": 1.0}}
    about = dict(old.about)
    weighted = about | {"dataset": about["dataset"] | {"weighting": rules}}
    save(filtered, tmp_path / "filtered", about=about)
    save(replace(old, about=weighted), tmp_path / "weighted")
    for name, lost, clause in (
        ("filtered", {"attributes"}, "the earlier artifact has the attributes price (number)"),
        ("weighted", {"dislikes", "weights"}, "one has none: what users dislike counts as liked"),
    ):
        asked = ["evaluate", new, tmp_path / name, "--data", data, "--gate", "-k", 6]
        assert run(*asked) == 3
        text = " ".join(capsys.readouterr().out.split())
        assert text.count(clause) == 2, "a line, and the sentence"
        assert run(*asked, "--allow-lost", "--json") == 0
        gate = json.loads(capsys.readouterr().out)["gate"]
        assert set(gate["lost_capabilities"]) == lost
    only_weights = Candidate(
        "old", replace(old, about={"dataset": {"weighting": {"kinds": {"view": 1.0}}}})
    )
    gate = pass_gate(Candidate("new", load(new)), only_weights, dataset.catalog, split.test, k=6)
    assert (gate.passed, set(gate.lost_capabilities)) == (True, {"weights"})
    assert run("evaluate", new, data, "--allow-lost") == 2
    assert "--allow-lost is for --gate" in capsys.readouterr().err


def test_an_artifact_that_may_have_seen_the_test_users_is_an_error(nights, tmp_path, capsys):
    folder, dataset, _ = nights
    save_dataset(dataset, tmp_path / "today", split={"name": "by-user", "options": {"test": 0.4}})
    new, old = folder / "model-today", folder / "model-yesterday"
    assert run("evaluate", new, old, "--data", tmp_path / "today", "--gate") == 2
    assert "may have been trained on the test users" in capsys.readouterr().err
    assert run("evaluate", new, new, "--data", tmp_path / "today", "--gate") == 2
    assert "may have been trained on the test users" in capsys.readouterr().err
    assert run("evaluate", new, new, "--data", folder / "today", "--gate") == 0


@pytest.mark.parametrize(("on", "part"), [("test", "test"), ("valid", "validation")])
def test_an_older_log_is_an_error_since_its_test_events_were_trained_on(
    nights, on, part, tmp_path, capsys
):
    folder, *_ = nights
    today, yesterday = folder / "model-today", folder / "model-yesterday"
    asked = ["--data", folder / "yesterday", "--gate", "--on", on]
    assert run("evaluate", yesterday, today, *asked) == 2
    message = " ".join(capsys.readouterr().err.split())
    assert f"The {part} events of {folder}/yesterday begin at 1970-01-0" in message
    assert f"but the training of {today} used the events before 1970-01-0" in message
    # The same night again, and an artifact of an earlier version, which does not state it.
    assert run("evaluate", yesterday, yesterday, *asked) == 0
    recommender = load(today)
    known = recommender.about["dataset"]
    assert {"valid_from", "test_from"} < known.keys()
    without = {name: known[name] for name in known if not name.endswith("_from")}
    about = {**recommender.about, "dataset": without}
    save(replace(recommender, about=about), tmp_path / "before")
    assert run("evaluate", yesterday, tmp_path / "before", *asked) in (0, 3)
