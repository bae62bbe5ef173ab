"""Test keys of a file, which change without a restart."""

import logging
import os

import pytest

from prismrec.errors import ConfigError
from prismrec.service import keys as module
from prismrec.service.auth import check_key
from prismrec.service.errors import ApiError
from prismrec.service.keys import Keys

OLD, NEW, FIXED = "old-key-of-some-length", "new-key-of-some-length", "fixed-key-of-some-len"


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOOK", 0)
    return tmp_path / "keys"


def write(path, *lines):
    """Replace the file, as an editor or a secret manager does."""
    new = path.with_suffix(".new")
    new.write_text("\n".join(lines))
    os.replace(new, path)


def scope_of(keys, key):
    try:
        return check_key(keys, {"authorization": f"Bearer {key}"})[1]
    except ApiError as error:
        return error.status


def test_a_key_is_added_and_removed_without_a_restart(path):
    write(path, "# keys of the shop", "", f"read {OLD}")
    keys = Keys.from_environment({"PRISMREC_KEYS_FILE": str(path), "PRISMREC_WRITE_KEYS": FIXED})
    assert [scope_of(keys, key) for key in (OLD, NEW, FIXED)] == ["read", 401, "write"]
    write(path, f"read {OLD}", f"admin {NEW}")
    assert [scope_of(keys, key) for key in (OLD, NEW, FIXED)] == ["read", "admin", "write"]
    write(path, f"read   {NEW}")
    assert [scope_of(keys, key) for key in (OLD, NEW, FIXED)] == [401, "read", "write"]


@pytest.mark.parametrize(
    "line", [f"read\t{NEW}", f"read \t {NEW}", f"\tread {NEW}\t", f"\ufeffread {NEW}"]
)
def test_spaces_tabs_and_a_mark_of_utf_8_are_no_part_of_a_key(path, line):
    write(path, line)
    assert scope_of(Keys.from_environment({"PRISMREC_KEYS_FILE": str(path)}), NEW) == "read"


@pytest.mark.parametrize(
    "lines",
    [[], ["read short"], ["nothing"], ["reads " + NEW], [f"read {NEW} # of the shop"], None],
)
def test_a_file_that_becomes_invalid_changes_nothing(path, lines, caplog):
    write(path, f"read {OLD}")
    keys = Keys.from_environment({"PRISMREC_KEYS_FILE": str(path)})
    if lines is None:
        path.unlink()
    else:
        write(path, *lines)
    with caplog.at_level(logging.ERROR, logger="prismrec.service"):
        assert scope_of(keys, OLD) == "read"
    assert keys
    assert "the old ones stay" in caplog.text
    assert NEW not in caplog.text
    write(path, f"read {NEW}")
    assert [scope_of(keys, key) for key in (OLD, NEW)] == [401, "read"]


@pytest.mark.parametrize(
    "lines", [[], ["read short"], ["read"], ["nothing"], ["reads " + NEW], None]
)
def test_a_service_does_not_start_with_an_invalid_file(path, lines):
    if lines is not None:
        write(path, *lines)
    with pytest.raises(ConfigError) as refused:
        Keys.from_environment({"PRISMREC_KEYS_FILE": str(path)})
    assert NEW not in str(refused.value)
