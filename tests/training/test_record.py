"""Test the record of a run in the manifest of its artifact."""

from types import SimpleNamespace

from prismrec.training.record import run_record

DATASET = {"fingerprint": "a", "ids_fingerprint": "b", "split": {}}
RESULT = SimpleNamespace(steps=1, best_step=1, best=0.5, seconds=1.0, pairs_per_second=2.0)
TRAINED = SimpleNamespace(settings={}, notes={}, start=None, result=RESULT)


def test_the_record_has_the_rules_of_dislikes_if_the_data_set_has_any():
    assert run_record(TRAINED, DATASET | {"how": {"source": "x"}}, "")["dataset"] == DATASET
    rules = {"weighting": {"dislikes": "rating<=2", "dislikes_by": "value"}}
    found = run_record(TRAINED, DATASET | {"how": {"source": "x", **rules}}, "")
    assert found["dataset"] == DATASET | rules
