"""Read logs on the command line: options for unusual logs, warnings, and commands to paste."""

import json
import shlex

import pytest

from commands import run
from prismrec.data import load_dataset

pytestmark = pytest.mark.slow

NOW = 1511544070


@pytest.fixture
def log(tmp_path):
    """Write a log of 8 users and 8 items into a folder whose name has a space."""
    folder = tmp_path / "my logs"
    folder.mkdir()
    rows = [f"u{u},i{i},{NOW + 60 * (8 * u + i)},view" for u in range(8) for i in range(8)]
    rows[5] = rows[5].replace("view", "cart")
    path = folder / "a log.csv"
    path.write_text("user,item,time,event\n" + "\n".join(rows) + "\n")
    return path


def pasted(output):
    """Return the words of the command at the end of an output, as a shell reads them."""
    text = output.rpartition("next\n")[2] if "next\n" in output else output.rpartition("Next: ")[2]
    return shlex.split(text.replace("\\\n", " "))


def test_the_printed_commands_run_as_they_stand(log, tmp_path, capsys, monkeypatch):
    items = log.with_name("the items.csv")
    items.write_text("item;kind\n" + "".join(f"i{n};a > b\n" for n in range(8)))
    monkeypatch.chdir(tmp_path)
    flags = ["--items", items, "--category-separator", ";", "--events", "view", "--time-unit", "s"]
    assert run("inspect", log, *flags) == 0
    program, *command = pasted(capsys.readouterr().out)
    assert (program, command[:2]) == ("prismrec", ["prepare", str(log)])
    assert sorted(command[-8:]) == sorted(map(str, flags))
    assert run(*command) == 0
    program, *command = pasted(capsys.readouterr().out)
    assert (program, command) == ("prismrec", ["train", "data", "--out", "data-model"])
    assert run("prepare", log, "--out", tmp_path / "my data") == 0
    command = pasted(capsys.readouterr().out)
    assert command[1:3] == ["train", str(tmp_path / "my data")]


@pytest.mark.parametrize("command", ["inspect", "prepare"])
def test_several_values_after_a_flag_are_explained(log, tmp_path, capsys, command):
    out = ["--out", tmp_path / "data"] if command == "prepare" else []
    assert run(command, log, *out, "--events", "view", "cart") == 2
    message = capsys.readouterr().err
    assert "'cart' is not part of an option" in message
    assert "repeat it: --events view --events cart." in message
    assert run(command, log, *out, "--events", "view", "--events", "cart") == 0
    assert run(command, log, "second.csv", *out) == 2
    assert "second.csv" in capsys.readouterr().err


def test_rows_in_time_order_need_no_times(tmp_path, capsys):
    path = tmp_path / "pairs.csv"
    path.write_text("user,item\n" + "".join(f"u{n % 8},i{n % 6}\n" for n in range(200)))
    assert run("inspect", path) == 2
    assert "in time order, give --order file." in capsys.readouterr().err
    assert run("inspect", path, "--order", "file") == 0
    assert "--order file" in " ".join(pasted(capsys.readouterr().out))


def test_categories_can_be_cut_to_a_level(log, tmp_path, capsys):
    items = tmp_path / "items.csv"
    items.write_text("item,category\n" + "".join(f"i{n},a > {n};b > c > {n}\n" for n in range(8)))
    options = ["--items", items, "--category-separator", ";", "--json"]
    for depth, count in ((1, 2), (2, 9), (3, 16)):
        assert run("inspect", log, *options, "--category-depth", depth) == 0
        assert json.loads(capsys.readouterr().out)["categories"] == count
    assert run("inspect", log, *options, "--category-depth", 0) == 2
    assert "--category-depth is 0" in capsys.readouterr().err


@pytest.mark.parametrize(("flag", "value"), [("--category-depth", 0), ("--category-separator", "")])
def test_options_of_categories_are_checked_without_categories(log, capsys, flag, value):
    assert run("inspect", log, flag, value) == 2
    assert f"{flag} is" in capsys.readouterr().err


def test_prepare_repeats_serious_warnings_and_what_was_skipped(log, tmp_path, capsys):
    text = log.read_text()
    extra = "".join(f"u{n % 8},rare{n},{NOW + n},view\n" for n in range(60))
    log.write_text("# exported 2021\n" + text + extra)
    assert run("inspect", log) == 0
    shown = capsys.readouterr().out
    assert run("prepare", log, "--out", tmp_path / "data") == 0
    prepared = capsys.readouterr().out
    for output in (shown, prepared):
        assert "skipped line 1, which is not data ('# exported 2021')" in output
        assert "drops 88% of the items" in " ".join(output.split())
    assert run("prepare", log, "--out", tmp_path / "data", "--json") == 0
    value = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in value["warnings"]] == ["filters_drop_most"]
    assert value["warnings"][0]["count"] == 60
    assert len(value["notes"]) == 1


def test_the_lines_of_a_split_and_of_bad_weights_fit_and_show_the_cause(tmp_path, capsys):
    rows = [f'u{n % 8},i{n % 7},{NOW + 1000 * n},"1,5"' for n in range(200)]
    path = tmp_path / "log.csv"
    path.write_text("user,item,time,rating\n" + "\n".join(rows))
    assert run("prepare", path, "--out", tmp_path / "data", "--weight-column", "rating") == 2
    assert f"weight is not a number (line 2: 'u0,i0,{NOW},1,5')" in capsys.readouterr().err
    assert run("prepare", path, "--out", tmp_path / "data", "--split", "by-time") == 0
    lines = capsys.readouterr().out.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("split "))
    assert all(len(line) <= 80 for line in lines[place : place + 3])
    assert "valid from" in lines[place]


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--events", "view"], "have neither kinds nor values"),
        (["--dislikes", "event=view"], "have neither kinds nor values"),
        (["--user-column", "visitor"], "--user-column describes a file"),
        (["--time-format", "%Y"], "--time-format describes a file"),
        (["--delimiter", ";"], "--delimiter describes a file"),
    ],
)
def test_an_option_without_effect_on_a_named_data_set_is_refused(tmp_path, capsys, flags, sentence):
    world = "synthetic:many-taste?users=20&items=20"
    assert run("prepare", world, "--out", tmp_path / "data", *flags) == 2
    assert sentence in capsys.readouterr().err


def test_options_describe_the_file_of_items(log, tmp_path, capsys):
    items = tmp_path / "items.csv"
    text = "artikel~titel~categories\n" + "".join(f"i{n}~Tée, {n}~a\n" for n in range(8))
    items.write_bytes(text.encode("latin-1"))
    inspect = ["inspect", log, "--items", items]
    assert run(*inspect) == 2
    assert "such as --items-encoding latin-1." in capsys.readouterr().err
    inspect += ["--items-encoding", "latin-1", "--items-delimiter", "~"]
    assert run(*inspect) == 2
    assert "such as --items-id-column sku" in capsys.readouterr().err
    assert run(*inspect, "--items-id-column", "artikel") == 0
    assert sorted(pasted(capsys.readouterr().out)[-8:]) == sorted(
        map(str, [*inspect[2:], "--items-id-column", "artikel"])
    )
    assert run("inspect", log, "--items-encoding", "latin-1") == 2
    assert "--items-encoding describes the file of items, but" in capsys.readouterr().err


def test_flags_name_the_titles_and_the_categories_of_the_file_of_items(log, tmp_path, capsys):
    items, out = tmp_path / "items.csv", tmp_path / "data"
    rows = [f"i{n},Tea {n},{'ab'[n % 2]},{n}\n" for n in range(8)]
    items.write_text("item,Bezeichnung,Warengruppe,Lager\n" + "".join(rows))
    prepare = ["prepare", log, "--items", items, "--out", out]
    assert run(*prepare) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "no column of titles and none of categories with a common name" in printed
    assert (
        "its other columns are 'Bezeichnung', 'Warengruppe', 'Lager': name yours, such as "
        "--items-title-column label or --items-category-column brand."
    ) in printed
    assert run("inspect", log, "--items", items) == 0
    assert "in the file of items: items.csv" in " ".join(capsys.readouterr().out.split())
    prepare += ["--items-title-column", "Bezeichnung", "--items-category-column", "Warengruppe"]
    assert run(*prepare) == 0
    assert "note" not in capsys.readouterr().out
    catalog = load_dataset(out).catalog
    assert catalog.titles.to_list()[0].startswith("Tea ")
    assert sorted(catalog.category_names) == ["a", "b"]


def test_columns_that_are_attributes_are_not_offered_as_titles(log, tmp_path, capsys):
    items, out = tmp_path / "items.csv", tmp_path / "data"
    items.write_text("item,categories,price\n" + "".join(f"i{n},a,{n}\n" for n in range(8)))
    assert run("prepare", log, "--items", items, "--out", out, "--attributes", "price") == 0
    assert "note" not in capsys.readouterr().out


def test_errors_on_columns_times_and_weights_state_what_to_write(tmp_path, capsys):
    path, out = tmp_path / "log.csv", tmp_path / "data"
    rows = [f"u{n % 8};i{n % 7};{n % 28 + 1:02}.02.2021;{n},5" for n in range(200)]
    path.write_text("Kunde;Artikel;Datum;Menge\n" + "\n".join(rows))
    prepare = ["prepare", path, "--out", out]
    for role, name in (("user", "Kunde"), ("item", "Artikel"), ("time", "Datum")):
        assert run(*prepare) == 2
        assert f"such as --{role}-column label, or column_1" in capsys.readouterr().err
        prepare += [f"--{role}-column", name]
    assert run(*prepare) == 2
    assert "give the format of the times as --time-format, such as" in capsys.readouterr().err
    prepare += ["--time-format", "%d.%m.%Y"]
    assert run(*prepare, "--weight-column", "Menge") == 2
    assert "; write decimals with a point, such as 0.99." in capsys.readouterr().err
    assert run(*prepare) == 0


def test_attributes_with_decimal_commas_are_reported(log, tmp_path, capsys):
    items = tmp_path / "items.csv"
    items.write_text(
        "item;title;categories;price\n" + "".join(f"i{n};T;a;{n},5\n" for n in range(8))
    )
    prepare = ["prepare", log, "--items", items, "--out", tmp_path / "data", "--attributes"]
    assert run(*prepare, "price") == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "attribute price: numbers with a decimal comma are text" in printed
    assert "price: text, 8 of 8" in printed
    assert run(*prepare, "price:number") == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "so the item has no price; write decimals with a point, such as 0.99 (line 2" in printed
    assert run(*prepare, "price:text") == 0
    assert "comma" not in capsys.readouterr().out
