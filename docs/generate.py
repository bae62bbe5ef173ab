"""Write docs/commands.md: the help of every command and the names of columns, as they are today.

A test holds the file to what this writes.
"""

import io
from pathlib import Path

from rich.console import Console

from prismrec.cli import COMMANDS, make_app
from prismrec.data.readers.columns import NAMES

TARGET = Path(__file__).with_name("commands.md")
INTRODUCTION = """# Commands

Written by `make docs`.

Every flag can stand in a TOML file, given as `--config FILE`: a flag goes before the file, the
file before the default.
"""
FILES = """## Columns

Columns of an event log and of a file of items are found by these names, the first of a row that
stands there; only letters and digits count, so that `User_ID`, `user id` and `userId:token` are
`userid`. Others are given by flags, `--user-column` and so on. An event log needs the first three.

| column | names |
|---|---|
{names}

A file without a header has the columns `column_1`, `column_2`, … for the flags. Without flags
`user,item,time` reads, and so do sequences, `user item item …` with spaces between, oldest first.

## The file of items

`--items FILE` is a table of the columns item, title and categories, all but the first optional:

```
item,title,categories
B00A,Green tea,tea|organic
B00B,Tea for two,tea
B00B,,cups
```

Several categories stand with `|` between, or in several rows of the item, which are united: it has
the categories of all its rows and the first title. JSON lines and Parquet may hold lists of names,
`["tea", "organic"]`; objects in their place are refused. JSON of one object from items to their
categories reads too: `{{"B00A": ["tea", "organic"], "B00B": ["tea"]}}`. An item of the log that
does not stand in the file has its id for a title and no category.
"""


def commands() -> str:
    """Give the page."""
    pages = [INTRODUCTION]
    for name in COMMANDS:
        text = io.StringIO()
        console = Console(file=text, width=80, force_terminal=False, color_system=None)
        make_app(name)([name, "--help"], console=console)
        lines = [line.rstrip() for line in text.getvalue().strip().splitlines()]
        pages += [f"## prismrec {name}", "", "```", *lines, "```", ""]
    names = (f"| {role} | {', '.join(f'`{name}`' for name in NAMES[role])} |" for role in NAMES)
    pages.append(FILES.format(names="\n".join(names)))
    return "\n".join(pages)


if __name__ == "__main__":
    TARGET.write_text(commands(), encoding="utf-8")
