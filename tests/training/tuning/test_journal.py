"""Check the journal of trials: each trial runs once, also after a process was killed."""

import pytest

from prismrec.errors import DataError
from prismrec.training.tuning.journal import Journal
from prismrec.training.tuning.space import OneOf, Range, Tuned

TUNED = Tuned(
    {"rate": Range(0.001, 0.1, log=True), "dim": OneOf((8, 16)), "way": OneOf((None, 0, 6))},
    {"rate": 0.01, "dim": 16, "way": None},
)


def opened(folder, about="data", seed=0):
    return Journal(folder, TUNED, {"about": about}, seed)


def test_the_first_trial_has_the_default_settings(tmp_path):
    opened(tmp_path)  # a process that is killed after it made the journal
    journal = opened(tmp_path)
    first, second = journal.claim(9), journal.claim(9)
    assert (first.number, first.settings) == (0, TUNED.default)
    assert second.number == 1
    assert second.settings != TUNED.default
    assert 0.001 <= second.settings["rate"] <= 0.1


def test_no_more_trials_are_claimed_than_asked_for(tmp_path):
    one, other = opened(tmp_path), opened(tmp_path)
    claimed = [one.claim(3), other.claim(3), one.claim(3)]
    assert [each.number for each in claimed] == [0, 1, 2]
    assert one.claim(3) is None
    assert other.claim(3) is None
    assert other.claim(4).number == 3


def test_a_trial_of_a_killed_process_is_continued_with_the_same_settings(tmp_path):
    killed = opened(tmp_path)
    killed.claim(2)
    left = killed.claim(2)
    left.report(25, 0.3)
    assert opened(tmp_path).claim(2) is None  # both are running
    assert opened(tmp_path).running() == 2
    left.lock.release()  # what the operating system does when it ends the process
    journal = opened(tmp_path)
    assert journal.running() == 1
    again = journal.claim(2)
    assert (again.number, again.settings) == (1, left.settings)
    assert again.report(25, 0.1) is False  # recorded before: no second value, no warning
    again.complete(0.4, 1.0)
    assert [record.state for record in journal.records()] == ["running", "complete"]
    assert journal.records()[1].value == 0.4


def test_a_trial_that_ends_while_another_process_looks_for_one_is_not_run_again(
    tmp_path, monkeypatch
):
    running, other = opened(tmp_path).claim(9), opened(tmp_path)
    lock_of = other.lock_of

    def ends_now(number):
        monkeypatch.setattr(other, "lock_of", lock_of)
        running.complete(0.3, 1.0)
        running.lock.release()
        return lock_of(number)

    monkeypatch.setattr(other, "lock_of", ends_now)
    assert other.claim(9).number == 1


def test_a_process_that_starts_again_does_not_repeat_its_draws(tmp_path):
    settings = []
    for _ in range(4):
        claimed = opened(tmp_path).claim(9)
        claimed.complete(0.1, 1.0)
        claimed.lock.release()
        settings.append(claimed.settings["rate"])
    assert len(set(settings)) == 4
    again = tmp_path / "again"
    claimed = [opened(again).claim(9) for _ in range(2)]
    assert claimed[1].settings["rate"] == settings[1]  # but the same seed draws the same


def test_a_trial_worse_than_the_median_is_pruned_after_the_start(tmp_path):
    journal = opened(tmp_path)
    for value in (0.4, 0.5, 0.6):
        claimed = journal.claim(9)
        assert claimed.report(50, value) is False
        claimed.complete(value, 1.0)
        claimed.lock.release()
    poor, good = journal.claim(9), journal.claim(9)
    assert poor.report(10, 0.1) is False  # too early
    assert poor.report(50, 0.49) is True
    assert good.report(50, 0.51) is False
    poor.prune(2.0)
    record = journal.records()[3]
    assert (record.state, record.value, record.seconds) == ("pruned", 0.49, 2.0)


def test_a_trial_that_failed_keeps_its_reason(tmp_path):
    journal = opened(tmp_path)
    journal.claim(1).fail("Step 3 has no finite loss.", 1.0)
    (record,) = journal.records()
    assert (record.state, record.value) == ("failed", None)
    assert record.reason == "Step 3 has no finite loss."


@pytest.mark.parametrize("cut", [1, 7])
def test_a_line_that_was_not_written_completely_is_removed(tmp_path, cut):
    journal = opened(tmp_path)
    claimed = journal.claim(9)
    claimed.lock.release()
    path = tmp_path / "journal.log"
    path.write_bytes(path.read_bytes()[:-cut])
    again = opened(tmp_path).claim(9)
    assert (again.number, again.settings) == (0, TUNED.default)
    again.complete(0.2, 1.0)
    assert [record.state for record in opened(tmp_path).records()] == ["complete"]


def test_refuses_trials_of_other_data(tmp_path):
    opened(tmp_path).claim(1)
    with pytest.raises(DataError, match="trials that differ in about; give another folder"):
        opened(tmp_path, about="other data")


@pytest.mark.parametrize("lines", ["user,item\n1,2\n3,4\n", '{"op_code":99,"worker_id":"x"}\n'])
def test_refuses_a_file_that_is_no_journal(tmp_path, lines):
    (tmp_path / "journal.log").write_text(lines)
    with pytest.raises(DataError, match="cannot be read as a journal of trials"):
        opened(tmp_path)
