"""Run deploy/nightly/nightly.sh for ten nights, of which one is damaged and one is killed."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from prismrec.cli import COMMANDS
from prismrec.recommend.artifact import load
from prismrec.recommend.publish import versions_in
from prismrec.service.stores import open_store

FOLDER = Path(__file__).parents[2] / "deploy" / "nightly"
FIRST, DAY = 1_700_000_000, 86_400
USERS, ITEMS, GROUPS = 80, 60, 2
DAMAGED, KILLED, LAST = 5, 7, 10
SERVER = Path(__file__).parents[1] / "fork_server.py"


def write_logs(folder):
    """Write the log of each night; most users go to the next item of their group of items."""
    rng = np.random.default_rng(0)
    group, place = rng.integers(0, GROUPS, USERS), rng.integers(0, ITEMS, USERS)
    rows = []
    for day in range(LAST + 3):
        for user in range(USERS):
            for step in range(2):
                place[user] += 1
                item = f"i{GROUPS * (place[user] % (ITEMS // GROUPS)) + group[user]}"
                if rng.random() < 0.1:
                    item = f"new-{min(day, LAST)}"
                rows.append((f"u{user}", item, FIRST + DAY * day + 9 * step))
    log = pl.DataFrame(rows, schema=["user", "item", "time"], orient="row")
    for night in range(LAST + 1):
        part = log.filter(pl.col("time") < FIRST + DAY * (night + 3))
        if night == DAMAGED:
            names = part["item"].unique().sort()
            other = names.sample(fraction=1, shuffle=True, seed=3)
            part = part.with_columns(pl.col("item").replace_strict(names, other))
        part.write_csv(folder / f"log-{night}.csv")


class Night:
    """Runs the script in a folder; the test chooses the command that reloads the service."""

    def __init__(self, folder, command):
        self.home, self.folder = folder / "home", folder
        self.environment = os.environ | {
            "PRISMREC_HOME": str(self.home),
            "PRISMREC_COMMAND": command,
            "PRISMREC_PREPARE": "--split by-time --min-user-events 2 --min-item-events 2",
            "PRISMREC_TRAIN": "--no-single --dim 16 --batch-size 64 --no-forming --no-rules",
            "PRISMREC_STORE": f"sqlite:///{folder}/events.db",
        }

    def start(self, night, **more):
        more.setdefault("PRISMREC_RELOAD", "true")
        export = f"cp {self.folder}/log-{night}.csv $LOG"
        environment = self.environment | {"PRISMREC_EXPORT": export} | more
        return subprocess.Popen(
            [FOLDER / "nightly.sh"], env=environment, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, night, **more):
        """Run one night; return its exit code and all that it printed."""
        with self.start(night, **more) as process:
            out, log = process.communicate()
        return process.returncode, out + log

    def kill(self, night, *, at):
        """Kill the script and its command at a step."""
        with self.start(night) as process:
            assert any(at in line for line in process.stderr)
            os.killpg(process.pid, signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL

    @property
    def current(self):
        return os.readlink(self.home / "versions" / "current")

    @property
    def about(self):
        manifest = self.home / "versions" / "current" / "manifest.json"
        return json.loads(manifest.read_text())["about"]


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """Write the logs and start a server of commands; return the runner of the script."""
    folder = tmp_path_factory.mktemp("nightly")
    write_logs(folder)
    words = [sys.executable, SERVER, "serve", folder / "socket"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout.readline() == "ready\n"
        yield Night(folder, f"{sys.executable} -S -E {SERVER} {folder}/socket")
        server.kill()


@pytest.mark.slow
def test_ten_nights_of_which_one_is_damaged_and_one_is_killed(night):
    assert night.run(0, PRISMREC_FULL="yes")[0] == 0
    assert "start" not in night.about
    published = 0
    for number in range(1, LAST + 1):
        before = night.current
        if number == KILLED:
            night.kill(number, at="train from")
            assert night.current == before
            load(night.home / "versions" / "current")
        code, log = night.run(number)
        if number == DAMAGED:
            assert "the data probably has other ids or is damaged" in " ".join(log.split())
        # Of nights with a level model, one in forty is outside of a 95 % interval.
        assert code == (0 if night.current != before else 3), log
        assert ("Refused: " in log) == (code == 3)
        if code == 0:
            published += 1
            assert night.about["start"]["artifact"] == before[-12:]
            assert night.about["start"]["nights"] == published
    assert LAST - 4 <= published < LAST
    assert night.about["start"]["full_learning_rate"] == pytest.approx(8e-3)
    versions = versions_in(night.home / "versions")
    assert [int(one[:6]) for one in versions] == [*range(1, published + 2)][-7:]
    with open_store(f"sqlite:///{night.folder}/events.db") as store:
        assert len(store.recent("u0", 100)) == 2 * (LAST + 3)


@pytest.mark.slow
def test_items_without_events_are_added_before_the_check(night):
    items = night.folder / "items.csv"
    rows = [f"i{number},{'odd' if number % 2 else 'even'}" for number in range(ITEMS)]
    items.write_text("\n".join(["item,category", *rows, "unseen,even"]))
    home = night.folder / "home-with-items"
    prepare = f"{night.environment['PRISMREC_PREPARE']} --items {items}"
    code, log = night.run(
        0, PRISMREC_HOME=str(home), PRISMREC_PREPARE=prepare, PRISMREC_ADD=f"--items {items}"
    )
    assert code == 0, log
    catalog = load(home / "versions" / "current").catalog
    assert len(catalog.items.index_known(["unseen"])) == 1


@pytest.mark.slow
def test_a_service_that_refuses_the_new_version_causes_a_rollback(night):
    before = night.current
    code, log = night.run(LAST, PRISMREC_RELOAD="false")
    assert code == 1
    assert "back to the version before" in log
    assert night.current == before


@pytest.mark.slow
def test_a_first_version_that_the_service_refuses_is_not_current(night):
    home = night.folder / "home-first"
    code, log = night.run(0, PRISMREC_HOME=str(home), PRISMREC_RELOAD="false")
    assert code == 1, log
    assert "versions/current is removed" in log
    assert not os.path.lexists(home / "versions" / "current")
    store = {"PRISMREC_STORE": f"sqlite:///{night.folder}/first.db", "PRISMREC_IMPORT": "no"}
    code, log = night.run(0, PRISMREC_HOME=str(home), **store)
    assert code == 0, log
    assert (home / "versions" / "current" / "manifest.json").is_file()
    assert not (night.folder / "first.db").exists(), "no event is imported"
    # A night with the data of the night before may train the same artifact: nothing is published.
    run = f'exec {night.environment["PRISMREC_COMMAND"]} "$@"'
    (home / "command").write_text(f"#!/usr/bin/env bash\n[[ $1 == publish ]] || {run}\n")
    (home / "command").chmod(0o755)
    before = os.readlink(home / "versions" / "current")
    more = {"PRISMREC_COMMAND": str(home / "command"), "PRISMREC_RELOAD": "false"}
    code, log = night.run(1, PRISMREC_HOME=str(home), **more)
    assert (code, os.readlink(home / "versions" / "current")) == (1, before), log
    assert "did not change" in log


@pytest.mark.slow
def test_a_failed_export_and_a_second_night_change_nothing(night):
    before = night.current
    code, log = night.run(LAST, PRISMREC_EXPORT="echo user,item,time > $LOG; false | true")
    assert code == 1, log
    code, _ = night.run(LAST, PRISMREC_EXPORT="echo user,item,time > $LOG")
    assert code == 2
    for empty in ("true", ": > $LOG"):
        code, log = night.run(LAST, PRISMREC_EXPORT=empty)
        assert code == 1, log
        assert f"the export wrote no events to $LOG ({night.home}/work/events.part)" in log
    locked = f"flock {night.home}/nightly.lock {FOLDER}/nightly.sh"
    done = subprocess.run(
        ["bash", "-c", locked], capture_output=True, text=True, check=False,
        env=night.environment | {"PRISMREC_EXPORT": "true", "PRISMREC_RELOAD": "true"},
    )  # fmt: skip
    assert (done.returncode, night.current) == (1, before)
    assert "another night is running" in done.stderr


def writing_down(words):
    """Return settings with a command that only writes down its words, and an export."""
    command = words.with_name("command")
    command.write_text(f'#!/usr/bin/env bash\n(IFS="|"; echo "$*") >> {words}\n')
    command.chmod(0o755)
    return os.environ | {
        "PRISMREC_HOME": str(words.parent), "PRISMREC_COMMAND": str(command),
        "PRISMREC_EXPORT": "echo user > $LOG", "PRISMREC_RELOAD": "true",
    }  # fmt: skip


def test_settings_may_have_words_with_spaces_and_run_nothing(tmp_path):
    settings = writing_down(tmp_path / "words") | {
        "PRISMREC_PREPARE": """--items "/a shop/items.csv" --x 'it"s $(touch no) *'""",
        "PRISMREC_ADD": r"--items /a\ shop/items.csv",
        "PRISMREC_IMPORT": "no",
    }
    subprocess.run([FOLDER / "nightly.sh"], env=settings, cwd=tmp_path, check=True)
    lines = (tmp_path / "words").read_text().splitlines()
    assert lines[0].endswith('|--items|/a shop/items.csv|--x|it"s $(touch no) *')
    assert next(line for line in lines if line.startswith("add|")).endswith("|/a shop/items.csv")
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("KEEP", "seven", "PRISMREC_KEEP is seven, which is not a number of versions"),
        ("KEEP", "1", "PRISMREC_KEEP is 1, which is not a number of versions; set it to 2"),
        ("FULL", "true", "PRISMREC_FULL is true; set it to yes or no"),
        ("GATE", "--x 'a", "PRISMREC_GATE is --x 'a, which has a quote or a backslash without"),
    ],
)
def test_a_wrong_setting_is_refused_before_the_export(tmp_path, name, value, message):
    settings = writing_down(tmp_path / "words") | {f"PRISMREC_{name}": value}
    done = subprocess.run(
        [FOLDER / "nightly.sh"], env=settings, capture_output=True, text=True, check=False
    )
    assert (done.returncode, list(tmp_path.iterdir())) == (1, [tmp_path / "command"])
    assert message in done.stderr


@pytest.mark.parametrize("prepare", ["--dislikes event=return", "--user-column=who --seed 1"])
@pytest.mark.slow
def test_what_describes_the_log_is_needed_for_the_import_too(tmp_path, prepare):
    flag = re.split("[ =]", prepare)[0]
    settings = writing_down(tmp_path / "words") | {"PRISMREC_PREPARE": prepare}
    for value, code in [("--newest 5", 1), (f"--newest 5 {prepare}", 0), ("no", 0)]:
        done = subprocess.run(
            [FOLDER / "nightly.sh"], env=settings | {"PRISMREC_IMPORT": value},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        lacks = f"PRISMREC_IMPORT lacks {flag}, which PRISMREC_PREPARE has" in done.stderr
        assert lacks == (code == 1)
        assert (tmp_path / "words").exists() == (code == 0)
        (tmp_path / "words").unlink(missing_ok=True)


@pytest.mark.slow
def test_some_flags_are_for_nights_that_train_from_the_beginning(tmp_path):
    """The commands only write down how they were called."""
    words = tmp_path / "words"
    versions = tmp_path / "versions"
    versions.mkdir()
    (versions / "current").symlink_to("000001-0123456789ab")
    (versions / "000001-0123456789ab").mkdir()
    settings = writing_down(words) | {
        "PRISMREC_TRAIN": "--no-single", "PRISMREC_TRAIN_FULL": "--config best.toml",
        "PRISMREC_GATE": "--lost-share 0.3",
    }  # fmt: skip
    for full in ("no", "yes"):
        subprocess.run(
            [FOLDER / "nightly.sh"], env=settings | {"PRISMREC_FULL": full}, check=True,
            capture_output=True,
        )  # fmt: skip
    lines = words.read_text().replace("|", " ").splitlines()
    warm, beginning = (line for line in lines if line.startswith("train "))
    assert warm.endswith(f"--quiet --from {versions}/current --no-single")
    assert beginning.endswith("--quiet --no-single --config best.toml")
    checks = [line for line in lines if line.startswith("evaluate ")]
    assert all(line.endswith("--gate --lost-share 0.3") for line in checks)


def test_a_night_whose_link_is_dangling_is_refused_before_the_export(tmp_path):
    link = tmp_path / "versions" / "current"
    link.parent.mkdir()
    link.symlink_to("000001-0123456789ab")
    done = subprocess.run(
        [FOLDER / "nightly.sh"], env=writing_down(tmp_path / "words"), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"{link} links to 000001-0123456789ab, which does not exist; roll back" in done.stderr
    assert not (tmp_path / "words").exists()
    assert not list((tmp_path / "work").iterdir())


def test_a_process_that_the_reload_leaves_does_not_block_the_next_night(tmp_path):
    settings = writing_down(tmp_path / "words") | {
        "PRISMREC_RELOAD": f"sleep 60 > {tmp_path}/log 2>&1 & echo $! >> {tmp_path}/pids"
    }
    nights = [
        subprocess.run(
            [FOLDER / "nightly.sh"], env=settings, capture_output=True, text=True, check=False
        )
        for _ in range(2)
    ]
    for left in (tmp_path / "pids").read_text().split():
        os.kill(int(left), signal.SIGKILL)
    assert [one.returncode for one in nights] == [0, 0], nights[1].stderr


def test_a_service_that_reloads_another_artifact_has_not_loaded_the_version(tmp_path):
    (tmp_path / "versions" / "000001-0123456789ab").mkdir(parents=True)
    (tmp_path / "versions" / "current").symlink_to("000001-0123456789ab")
    settings = writing_down(tmp_path / "words")
    settings |= {"PRISMREC_RELOAD": str(FOLDER / "reload.sh"), "PATH": f"{tmp_path}:/usr/bin:/bin"}
    curl = tmp_path / "curl"
    codes = []
    for loaded in ("0123456789ab", "ba9876543210"):
        answer = f'{{"artifact": "{loaded}", "was": "0123456789ab"}}'
        curl.write_text(f"#!/bin/sh\nprintf '{answer}\\n200'")
        curl.chmod(0o755)
        done = subprocess.run(
            [FOLDER / "nightly.sh"], env=settings, capture_output=True, text=True, check=False
        )
        codes.append(done.returncode)
    assert codes == [0, 1]
    assert "loaded another artifact than 0123456789ab, which was published" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reloading", "after", "code"),
    [(504, "old new", 0), (504, "old gone", 7), (409, "new", 1), (504, "", 1)],
)
def test_a_reload_that_takes_longer_than_its_answer_is_awaited(tmp_path, reloading, after, code):
    """The service goes on to load a large artifact, so the night must not switch back."""
    (tmp_path / "answers").write_text("\n".join(after.split()))
    curl = tmp_path / "curl"
    curl.write_text(f"""#!/bin/sh
case "$*" in *POST*) printf 'no answer\\n{reloading}'; exit;; esac
next=$(head -1 {tmp_path}/answers); sed -i 1d {tmp_path}/answers
[ "$next" = gone ] && exit 7
printf '{{"artifact": "%s", "start": {{"artifact": "new"}}}}\\n200' "$next"
""")
    curl.chmod(0o755)
    wanted = "new" if after else ""
    settings = os.environ | {"PATH": f"{tmp_path}:/usr/bin:/bin", "ARTIFACT": wanted}
    done = subprocess.run(
        [FOLDER / "reload.sh"], env=settings, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert ("did not reload (status " in done.stderr) == (code == 1)


def test_an_export_may_be_a_folder_that_replaces_the_one_before(tmp_path):
    settings = writing_down(tmp_path / "words")
    for name in ("old", "new"):
        export = f"mkdir $LOG && echo user > $LOG/{name}.csv"
        subprocess.run(
            [FOLDER / "nightly.sh"], env=settings | {"PRISMREC_EXPORT": export}, check=True,
            capture_output=True,
        )  # fmt: skip
    assert [path.name for path in (tmp_path / "work" / "events").iterdir()] == ["new.csv"]


def test_the_services_for_operators_serve_the_link_that_a_night_switches():
    unit = (FOLDER.parent / "prismrec.service").read_text()
    (home,) = re.findall('^PRISMREC_HOME="(.+)"', (FOLDER / "nightly.env").read_text(), re.M)
    assert f" serve {home}/versions/current " in unit
    image = (FOLDER.parent / "Dockerfile").read_text()
    # A bind mount keeps the folder that was mounted, so it must contain what is replaced.
    assert " -v ./versions:/srv/versions:ro " in image
    assert 'CMD ["/srv/versions/current", ' in image


def test_the_files_for_operators_name_only_settings_that_the_script_reads():
    script = (FOLDER / "nightly.sh").read_text()
    read = set(re.findall(r"PRISMREC_[A-Z_]+", script)) | {"PRISMREC_STORE"}
    for name in ("nightly.env", "airflow_dag.py"):
        assert set(re.findall(r"PRISMREC_[A-Z_]+", (FOLDER / name).read_text())) <= read, name
    words = re.findall(r'^"\$\{prismrec\[@\]\}" (\w+)', script, re.MULTILINE)
    assert set(words) <= set(COMMANDS)
    text = "set -a; . " + str(FOLDER / "nightly.env") + "; echo $PRISMREC_PREPARE"
    shown = subprocess.run(["bash", "-euc", text], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("--items /srv/prismrec/items.csv --split by-time")
    compile((FOLDER / "airflow_dag.py").read_text(), "airflow_dag.py", "exec")
    for script in FOLDER.glob("*.sh"):
        assert os.access(script, os.X_OK)
        subprocess.run(["bash", "-n", script], check=True)
