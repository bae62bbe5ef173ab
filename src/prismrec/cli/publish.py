"""``prismrec publish``: make an artifact the current version of a folder."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from prismrec.cli._headings import AsJson
from prismrec.cli._output import print_output
from prismrec.cli._switch import switch_lines
from prismrec.recommend import KEPT
from prismrec.recommend import publish as publish_artifact


def publish(
    artifact: Path,
    /,
    *,
    to: Annotated[Path, Parameter(name="--to")],
    keep: int = KEPT,
    keep_tables: bool = False,
    as_json: AsJson = False,
) -> None:
    """Copy an artifact into a folder of versions and make it the current one, at once.

    The service that was started with TO/current loads it on SIGHUP. 'prismrec rollback TO' switches
    back to the version before. The oldest versions are removed, with their tables of vectors in
    PostgreSQL (--index pgvector), except tables that a kept version or another artifact uses.

    Args:
        artifact: Folder made by 'prismrec train'.
        to: Folder of versions, which also has the link 'current'; at first it is new or empty.
        keep: Number of versions to keep, with the new one.
        keep_tables: Keep the tables of removed versions, because artifacts that were copied, or of
            other machines, use them.
        as_json: Print one JSON object.
    """
    switch = publish_artifact(artifact, to, keep=keep, keep_tables=keep_tables)
    print_output(asdict(switch), switch_lines(to, switch), as_json=as_json)
