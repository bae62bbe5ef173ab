"""The numbers of the structure: each has the wanted value."""

import pytest
import structure


@pytest.mark.parametrize("row", structure.static_rows(structure.SOURCE), ids=lambda row: row.name)
def test_the_source(row):
    assert structure.reached(row), f"{row.measured}, not {row.wanted}"


def test_one_forward_pass_per_batch_whatever_is_asked_for():
    assert set(structure.forward_passes().values()) == {1}


def test_the_help_of_train_shows_the_ten_most_important_options_first():
    groups = structure.help_groups()
    assert groups[0] == 10
    assert len(groups) >= 5
    assert sum(groups) > 40


def test_a_row_that_is_too_large_is_not_reached():
    assert not structure.reached(structure.Row("imports", "<= 70", 71))
    assert structure.reached(structure.Row("imports", "<= 70", 70))
    assert not structure.reached(structure.Row("types", "1", 2))
