"""Test help and shell completion, and check that no command imports another one."""

import ast
import inspect
import io
import re
from pathlib import Path

import pytest
from rich.console import Console

import prismrec.cli
from prismrec.cli import COMMANDS, main, make_app
from prismrec.models import EXTRACTORS, LOSSES, READOUTS, SAMPLERS
from prismrec.rerank import RERANKERS
from prismrec.retrieval import INDEXES

pytestmark = pytest.mark.slow

SOURCE = Path(prismrec.cli.__file__).parent


def help_of(name, width=80):
    """Return the lines of a command's help."""
    text = io.StringIO()
    console = Console(file=text, width=width, force_terminal=False, color_system=None)
    make_app(name)([name, "--help"], console=console)
    return text.getvalue().splitlines()


def headings_of(name):
    """Return the flags under each heading of a command's help, in order."""
    headings = {}
    for line in help_of(name, width=2_000):
        if line.startswith("╭─ "):
            flags = headings.setdefault(line[3:].partition(" ─")[0], [])
        elif flag := re.match(r"│ [* ]*(--?[a-z][\w-]*)", line):
            flags.append(flag[1])
    return headings


def test_train_shows_the_ten_most_important_options_first():
    headings = headings_of("train")
    assert list(headings)[:2] == ["Arguments", "Common options"]
    assert set(headings["Common options"]) == {
        "--out", "--extractor", "--interests", "--dim", "--max-len", "--epochs", "--seed",
        "--resume", "--single", "--threads",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["inspect", "prepare", "train", "recommend", "serve"])
def test_every_option_in_a_long_help_text_has_a_heading(name):
    headings = headings_of(name)
    assert len(headings) > 3
    assert not {"Options", "Parameters"} & headings.keys()


def test_the_options_of_an_extractor_have_one_flag():
    flags = [flag for flags in headings_of("train").values() for flag in flags]
    assert "--set" in flags
    assert not [flag for flag in flags if flag.startswith("--options")]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_text_is_shown_completely(name):
    shown = " ".join(" ".join(help_of(name, width=2_000)).replace("│", " ").split())
    for argument in make_app(name)[name].assemble_argument_collection(parse_docstring=True):
        if argument.show:
            assert argument.parameter.help, f"{argument.name} has no help"
            assert " ".join(argument.parameter.help.split()) in shown, argument.name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_long_name_which_a_settings_file_needs(name):
    for argument in make_app(name)[name].assemble_argument_collection():
        if argument.show and argument.index is None:
            assert any(flag.startswith("--") for flag in argument.names), argument.name


@pytest.mark.parametrize(
    ("flag", "table", "others"),
    [
        ("--extractor", EXTRACTORS, "module:Class"),
        ("--readout", READOUTS, "module:NAME"),
        ("--loss", LOSSES, "module:function"),
        ("--sampler", SAMPLERS, "module:function"),
        ("--index", INDEXES, "module:Class"),
    ],
)
def test_the_help_of_train_names_every_registered_part(flag, table, others):
    line = next(line for line in help_of("train", width=2_000) if f" {flag} " in line)
    assert set(table) <= set(re.findall(r"[\w-]+", line))
    assert others in line


def test_the_help_of_recommend_names_every_reranker():
    line = next(line for line in help_of("recommend", width=2_000) if " --rerank " in line)
    assert set(RERANKERS) <= set(re.findall(r"\w+", line))


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_completion_script_contains_commands_and_flags(shell):
    script = make_app().generate_completion(shell=shell)
    assert all(name in script for name in COMMANDS)
    assert "max-relevance-loss" in script


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_is_installed(tmp_path, monkeypatch, capsys, shell):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ZSH", raising=False)
    monkeypatch.delenv("ZSH_CUSTOM", raising=False)
    main(["--install-completion", "--shell", shell])
    assert "Completion script installed to" in capsys.readouterr().out
    scripts = [path for path in tmp_path.rglob("*prismrec*") if path.is_file()]
    assert len(scripts) == 1
    assert "recommend" in scripts[0].read_text()
    assert "prismrec" in (tmp_path / f".{shell}rc").read_text()


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_imports_another_command(name):
    tree = ast.parse((SOURCE / f"{name}.py").read_text())
    modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not {f"prismrec.cli.{other}" for other in COMMANDS} & set(modules)


def test_every_module_without_an_underscore_is_a_command():
    files = {path.stem for path in SOURCE.glob("*.py")}
    assert {name for name in files if not name.startswith("_")} == set(COMMANDS)


def test_the_description_of_each_command_is_short():
    assert all(len(line) < 80 and line.endswith(".") for line in COMMANDS.values())
    assert inspect.getdoc(prismrec.cli)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("train data", "train needs --out, which was not given; add it, as described by prismrec"),
        ("train data --ot x", "prismrec train --help. Did you mean --out instead of --ot?"),
        ("train data -o", "-o has no value; write it after the option."),
        ("inspect", "inspect needs LOG, which was not given"),
        ("recommend a --diversity 0,2", "'0,2', but must be a number; write decimals with a point"),
        (
            "serve a --port 80,80",
            "--port is '80,80', but must be a whole number; write it in digits",
        ),
        ("train data -o x --similarity l2", 'Choose from: "dot", "cosine".'),
    ],
)
def test_missing_options_and_wrong_numbers_are_explained(capsys, words, sentence):
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


def test_a_wrong_number_in_a_file_of_settings_has_the_name_of_its_option(capsys, tmp_path):
    (tmp_path / "a.toml").write_text('epochs = "many"\n')
    with pytest.raises(SystemExit):
        main(["train", "data", "-o", "x", "--config", str(tmp_path / "a.toml")])
    assert "--epochs is 'many', but must be a whole number" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_lists_have_no_second_flag_and_no_default_in_the_words_of_python(name):
    text = "\n".join(help_of(name, width=2_000))
    assert "--empty-" not in text
    assert "[default: []]" not in text
