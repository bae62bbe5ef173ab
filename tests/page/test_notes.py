"""Check that all notes of the service have a Chinese translation on the page."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from prismrec.data import Case, split_by_user
from prismrec.evaluation import Diagnostics, Difference, Report, evaluate
from prismrec.models import Forming
from prismrec.retrieval import RuleRetriever, choose_index
from prismrec.service.metrics import Metrics
from prismrec.service.verdict import find_entry
from prismrec.training import RunConfig, TrainConfig, fit, select_rules
from prismrec.training.advise import advise_clusters
from prismrec.training.fit import undecided_note
from prismrec.types import RankedItems
from worlds import small_dataset

NOTES = json.loads((Path(__file__).parents[2] / "web" / "src" / "notes.zh.json").read_text("utf-8"))
PARTS = {"n": r"([-+\d.,/]+)", "w": r"(\S+)", "t": "(.+)", "s": "s?"}
"""As in web/src/fields.ts: a number, a word, any text, and the ending of a plural."""
WORLD = "synthetic:many-taste?users=160&items=120&clusters=6&events=16&seed=3"


def pattern(note):
    escaped = re.sub(r"[.*+?()]", r"\\\g<0>", note)
    return re.compile(re.sub(r"\{(.)\}", lambda part: PARTS[part[1]], escaped))


def of_diagnostics(*usage):
    """Return all notes of a model with these shares of the targets."""
    none = tuple(None for _ in usage)
    return Diagnostics(
        k=50, users=100, formed=False, active=tuple(1.0 for _ in usage), usage=usage,
        usage_entropy=0.5, effective_items=none, read_items=10.0, cosine=0.95, overlap=0.5,
        marginal_recall=none, recall=0.1, pool_recall=0.2, pool_items=60.0, distinct_lists=0.05,
        largest_share=1.0, interests_used=1.0, subtopic_recall=0.5,
    ).notes  # fmt: skip


def of_metrics():
    metrics = Metrics()
    for _ in range(60):
        metrics.count_list(SimpleNamespace(source="popular", items=[]))
    return metrics.notes()


def of_comparisons():
    for mean in (0.0, 0.1, -0.1):
        difference = Difference("recall@50", mean, 0.02, 1_000)
        yield f"prism against ease, {difference}."
        if mean <= 0:
            yield str(difference)  # at the end of the note on popular items


def of_an_evaluation():
    """Return the notes of an evaluation that gives all users the same list."""
    case = Case(np.array([1, 2]), np.array([3]))

    def recommend(histories, k):
        items = np.tile(np.arange(1, k + 1), (len(histories), 1))
        return RankedItems(items, np.zeros(items.shape), np.zeros_like(items))

    return evaluate(recommend, [case] * 10, ks=(5,)).notes


def of_a_report():
    """Return the notes on a report of other artifacts, and on one of an earlier version."""
    rows = {"entries": [{"name": "prism"}]}
    stated = {"entries": [{"name": "prism", "artifact": "aa"}]}
    for report, folder in ((rows, "prism"), (rows, "other"), (stated, "prism")):
        yield from find_entry(report, "bb", folder)[1]


def of_an_index():
    return choose_index(np.eye(4, dtype=np.float32), np.arange(1, 5)).reason


def of_a_training():
    """Return the notes of a training of the default model."""
    dataset = small_dataset(WORLD)
    split = split_by_user(dataset, valid=0.3, test=0.1)
    config = RunConfig(dim=16, max_len=16), TrainConfig(steps=2, validate_every=1)
    return fit(split, dataset.catalog, *config).notes


def of_advice():
    """Yield the advice on fewer and on more clusters, for each outcome."""
    few, many = (Forming(clusters=clusters, whole_weight=0.5) for clusters in (3, 6))
    for chosen, other in ((few, many), (many, few)):
        for value in (0.5, 0.4, 0.6):
            reports = {
                one: Report(
                    {}, {}, 6, "", "users", 0, 1.0, {}, per_user={"recall@20": np.full(6, recall)},
                    interests_used=1.0,
                )
                for one, recall in ((chosen, 0.5), (other, value))
            }  # fmt: skip
            yield advise_clusters(chosen, reports, "recall@20")


def of_rules():
    """Yield the notes on rules that raise the metrics, and on rules that do not."""
    table = RuleRetriever.count(
        small_dataset(WORLD).histories, 121, backward=0, alpha=0, beta=0, weight=2.0
    )
    for reached in (0.2, 0.1):
        trials = [select_rules.Trial(table, (reached, reached))] * 2
        yield select_rules._choose(trials, (0.1, 0.1), "recall@10 and recall@50", [])[1]


@pytest.mark.slow
def test_the_notes_of_the_service_are_translated():
    patterns = [pattern(note) for note in NOTES]
    trained = of_a_training()
    assert {"index", "init", "interests", "advice", "rules"} <= trained.keys()
    sentences = [
        *trained.values(),
        *of_advice(),
        *(advice.rpartition(", so ")[2] for advice in of_advice()),  # translated by itself
        undecided_note(SimpleNamespace(best=0.2, history=[1, 2]), "recall@20"),
        *of_rules(),
        *of_diagnostics(0.99, 0.005, 0.005),
        *of_diagnostics(0.995, 0.005),
        *of_an_evaluation(),
        *of_metrics(),
        *of_comparisons(),
        *of_a_report(),
        of_an_index(),
    ]
    assert len(sentences) == 17 + len(trained) + 6 + 6 + 1 + 2 + 2
    for sentence in sentences:
        assert any(pattern.fullmatch(sentence) for pattern in patterns), sentence


@pytest.mark.parametrize("note", NOTES)
def test_a_translation_has_all_parts_of_its_note(note):
    parts = sorted(re.findall(r"\$(\d)", NOTES[note]))
    assert parts == [str(at + 1) for at in range(pattern(note).groups)]
