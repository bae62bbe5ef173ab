"""Check that public values have a short representation, and tables also one in escaped HTML."""

import numpy as np
import polars as pl
import pytest

from event_logs import dataset_of, log_of
from prismrec.data import (
    Catalog,
    Dataset,
    EventLog,
    Histories,
    IdMap,
    ItemDescriptions,
    LogReport,
    Split,
    build_dataset,
    inspect_log,
    make_split,
    read_items,
)
from prismrec.data.batches import Batches
from prismrec.data.cases import Case
from prismrec.data.reprs import written_time

ATTACK = "<script>alert('1')</script>"


@pytest.fixture
def log():
    rows = [(f"u{e % 7}", f"i{e % 4}", e) for e in range(40)]
    return log_of(rows, category=[["x", "y"], ["y"], [], ["z"]] * 10)


@pytest.fixture
def values(log):
    dataset = build_dataset(log)
    split = make_split(dataset, "leave-last-out")
    return {
        Dataset: dataset, EventLog: log, Split: split, Case: split.test[0],
        Histories: dataset.histories, Catalog: dataset.catalog, IdMap: dataset.users,
        LogReport: inspect_log(log),
        ItemDescriptions: read_items(pl.DataFrame({"item": ["a", "b"], "title": ["A", None]})),
        Batches: Batches(split.train, max_len=5, batch_size=4),
    }  # fmt: skip


def test_every_value_has_a_short_text(values):
    for kind, value in values.items():
        lines = repr(value).splitlines()
        assert len(lines) <= 10, kind
        assert all(len(line) <= 120 for line in lines), kind
        assert kind.__name__ in lines[0]


def test_one_line_values_state_their_sizes(values):
    texts = {kind.__name__: repr(value) for kind, value in values.items()}
    assert texts["Histories"] == "Histories(7 users, 40 events)"
    assert texts["Catalog"] == "Catalog(4 items, 3 categories)"
    assert texts["IdMap"] == "IdMap(7 user ids)"
    assert texts["Case"] == "Case(5 history items, 1 targets)"
    assert texts["EventLog"] == "EventLog(40 rows kept, 0 rejected, source by hand)"
    assert texts["ItemDescriptions"] == "ItemDescriptions(2 items, 0 rows rejected)"
    assert texts["Batches"] == "Batches(5 per epoch, about 4 training pairs each, max_len 5)"


def test_a_data_set_states_sizes_source_and_filters(values):
    assert repr(values[Dataset]).splitlines() == [
        "Dataset",
        "  users       7",
        "  items       4",
        "  events      40",
        "  categories  3",
        "  source      by hand",
        "  filters     at least 5 events per user and 5 per item; duplicates: keep",
    ]


def test_a_split_states_the_sizes_of_its_parts(values):
    assert repr(values[Split]).splitlines() == [
        "Split",
        "  train     7 users, 26 events",
        "  valid     7 cases",
        "  test      7 cases",
        "  protocol  leave-last-out",
    ]


def test_a_report_states_the_verdict_and_the_next_command(values):
    text = repr(values[LogReport])
    assert "prismrec prepare 'by hand' --out data/" in text
    assert "Usable, but check this first:" in text


@pytest.mark.parametrize("kind", [Dataset, LogReport, Split])
def test_tables_have_html_with_escaped_text(values, kind, monkeypatch):
    value = values[kind]
    if kind is Split:
        value = Split(value.train, value.valid, value.test, ATTACK)
    elif kind is Dataset:
        value = Dataset(value.users, value.catalog, value.histories, {"source": ATTACK})
    else:
        object.__setattr__(value, "source", ATTACK)
    html = value._repr_html_()
    assert html.startswith(f"<table><caption>{kind.__name__}</caption>")
    assert html.endswith("</table>")
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_long_text_is_shortened_and_stays_on_its_line():
    dataset = dataset_of({"u": "ab"})
    long = Dataset(dataset.users, dataset.catalog, dataset.histories, {"source": "a\nb " * 200})
    (line,) = [line for line in repr(long).splitlines() if "source" in line]
    assert len(line) < 120
    assert line.endswith("…")


def test_empty_histories_have_a_text():
    assert repr(Histories.of([])) == "Histories(0 users, 0 events)"
    assert repr(IdMap(pl.Series([], dtype=pl.String), kind="item")) == "IdMap(0 item ids)"
    assert repr(Case(np.array([1]), np.array([2, 3]))) == "Case(1 history items, 2 targets)"


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_577_930_400_000_000, "2020-01-02T02:00:00Z"),
        (1_577_930_400_000_001, "2020-01-02T02:00:00.000001Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (2**63 - 1, "294247-01-10T04:00:54.775807Z"),
    ],
)
def test_a_time_is_written_exactly(time, text):
    assert written_time(time) == text
