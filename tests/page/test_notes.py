"""Check that all notes of the service have a Chinese translation on the page."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from prismrec.data import Case
from prismrec.evaluation import Diagnostics, Difference, evaluate
from prismrec.retrieval import choose_index
from prismrec.service.metrics import Metrics
from prismrec.types import RankedItems

NOTES = Path(__file__).parents[2] / "web" / "src" / "notes.zh.json"


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
        yield f"prism against ease, {Difference('recall@50', mean, 0.02, 1_000)}."


def of_an_evaluation():
    """Return the notes of an evaluation that gives all users the same list."""
    case = Case(np.array([1, 2]), np.array([3]))

    def recommend(histories, k):
        items = np.tile(np.arange(1, k + 1), (len(histories), 1))
        return RankedItems(items, np.zeros(items.shape), np.zeros_like(items))

    return evaluate(recommend, [case] * 10, ks=(5,)).notes


def of_an_index():
    return choose_index(np.eye(4, dtype=np.float32), np.arange(1, 5)).reason


def test_the_notes_of_the_service_are_translated():
    patterns = [re.compile(one["english"]) for one in json.loads(NOTES.read_text("utf-8"))]
    sentences = [
        *of_diagnostics(0.99, 0.005, 0.005),
        *of_diagnostics(0.995, 0.005),
        *of_an_evaluation(),
        *of_metrics(),
        *of_comparisons(),
        of_an_index(),
    ]
    assert len(sentences) == 14
    for sentence in sentences:
        assert any(pattern.fullmatch(sentence) for pattern in patterns), sentence


@pytest.mark.parametrize("place", range(len(json.loads(NOTES.read_text("utf-8")))))
def test_a_translation_has_all_numbers_of_its_note(place):
    note = json.loads(NOTES.read_text("utf-8"))[place]
    groups = re.compile(note["english"]).groups
    assert sorted(re.findall(r"\$(\d)", note["chinese"])) == [str(n + 1) for n in range(groups)]
