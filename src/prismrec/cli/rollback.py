"""``prismrec rollback``: make the version before the current one the current one."""

from dataclasses import asdict
from pathlib import Path

from prismrec.cli._headings import AsJson
from prismrec.cli._output import print_output
from prismrec.cli._switch import switch_lines
from prismrec.recommend import rollback as roll_back


def rollback(folder: Path, /, *, as_json: AsJson = False) -> None:
    """Switch a folder of versions back to the version before the current one.

    The service that was started with FOLDER/current loads it on SIGHUP. The next 'prismrec publish'
    removes the version that was switched off.

    Args:
        folder: Folder of versions, made by 'prismrec publish'.
        as_json: Print one JSON object.
    """
    switch = roll_back(folder)
    print_output(asdict(switch), switch_lines(folder, switch), as_json=as_json)
