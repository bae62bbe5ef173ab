"""Check that texts of the data cannot control the terminal on which commands print them."""

import io
import json
import sys
import unicodedata
from dataclasses import replace
from unittest.mock import Mock

import pytest

from commands import run
from prismrec.__main__ import main
from prismrec.cli._answers import WIDTH, answer_lines, clipped
from prismrec.cli._output import (
    one_line,
    prepare_streams,
    print_note,
    print_output,
    printable,
    table,
)
from prismrec.rerank import AddedInterest, InterestOptions
from worlds import ids, small_dataset, untrained

HOSTILE = "\x1b[31mred\x07\x9b2J\u202egnp.exe\u2066\trow\r\nnext\u2028last\ud800"
SHOWN = "�[31mred��2J�gnp.exe� row  next last�"


def test_controls_are_replaced_and_other_text_stays():
    assert one_line(HOSTILE) == SHOWN
    assert printable(HOSTILE) == SHOWN.replace("  next", " \nnext")
    kept = "שלום\u200f مرحبا 👩\u200d🔬 é λ … \u00a0"
    assert one_line(kept) == kept


def test_an_answer_has_one_printable_line_per_item():
    dataset = small_dataset()
    titles = dataset.catalog.titles
    hostile = titles.to_frame().select((titles + "\x1b[2J\u202e\nx\ty").alias("title"))["title"]
    own = replace(dataset, catalog=replace(dataset.catalog, titles=hostile))
    history = ids(dataset, 0)
    expected = answer_lines(untrained(dataset).recommend([*history, "\x1b]0;x\x07"], 5))
    lines = answer_lines(untrained(own).recommend([*history, "\x1b]0;x\x07"], 5))
    assert len(lines) == len(expected)
    assert max(map(len, lines)) <= WIDTH
    assert not [c for line in lines for c in line if unicodedata.category(c) in ("Cc", "Cf")]
    assert "�]0;x�" in "".join(lines)
    assert any("�[2J� x y" in line for line in lines)
    assert clipped("a\nb\x1b", 2) == "a…"


def test_lines_name_an_added_interest_as_the_reason_and_each_title_once():
    dataset = small_dataset()
    history = [*ids(dataset, 0)[:1] * 2, *ids(dataset, 0)[1:2]]
    added = [AddedInterest(category=dataset.catalog.category_names[0], weight=50)]
    options = InterestOptions(mix="shares", added=added)
    answer = untrained(dataset).recommend(history, 10, interests=options)
    number = next(one.number for one in answer.interests if one.added)
    of_added = [item.title for item in answer if item.interest == number]
    lines = answer_lines(answer)
    because = [line[5:].partition("  ")[0] for line in lines if "because you added c" in line]
    assert because == of_added
    assert of_added
    source = next(line for line in lines if "; from " in line).partition("; from ")[2].split(", ")
    assert len(source) == len(set(source))


def test_lines_notes_and_cells_are_printable(capsys):
    print_output({}, [HOSTILE], as_json=False)
    print_note(HOSTILE)
    printed = capsys.readouterr()
    assert printed.out == printed.err == SHOWN.replace("  next", " \nnext") + "\n"
    assert table(["name", "n"], [[HOSTILE, "1"]])[1] == f"{SHOWN} 1"


def test_json_has_the_same_values_without_raw_controls(capsys):
    value = {"title": HOSTILE, "é": ["\u2069\x7f"]}
    print_output(value, [], as_json=True)
    printed = capsys.readouterr().out
    assert json.loads(printed) == value
    assert "é" in printed
    assert one_line(printed.rstrip("\n")) == printed.rstrip("\n")


@pytest.mark.parametrize("name", ["\x1b[2J", "a\u202eb"])
def test_an_error_is_one_printable_line(capsys, tmp_path, name):
    assert run("recommend", tmp_path / name, "--history", "a") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert one_line(error[:-1]) == error[:-1]
    assert "�" in error


@pytest.mark.parametrize("as_json", [True, False])
def test_a_character_that_the_terminal_lacks_is_no_error(monkeypatch, as_json):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="latin-1"))
    prepare_streams()
    print_output({"title": "é ☕"}, ["é ☕"], as_json=as_json)
    sys.stdout.flush()
    printed = written.getvalue().decode("latin-1")
    assert (json.loads(printed) == {"title": "é ☕"}) if as_json else (printed == "é ?\n")


def test_a_stream_in_memory_has_every_character(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    print_output({"title": "☕"}, [], as_json=True)
    assert json.loads(sys.stdout.getvalue()) == {"title": "☕"}


def test_without_a_place_for_notes_a_command_still_runs(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    prepare_streams()
    print_note("a note")
    sys.stderr.close()
    full = Mock(write=Mock(side_effect=OSError(28, "No space left on device")))
    monkeypatch.setattr(sys, "stderr", full)
    print_note("a note")
    assert full.write.called


def test_an_interruption_while_the_command_line_is_imported_has_no_traceback(monkeypatch, capsys):
    monkeypatch.setattr("prismrec.cli.main", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(SystemExit, match="130"):
        main()
    assert capsys.readouterr().err == "Stopped.\n"
