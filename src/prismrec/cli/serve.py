"""``prismrec serve``: the HTTP service and its page."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from prismrec.cli._output import print_note
from prismrec.errors import MissingExtra
from prismrec.service import Keys, ServePaths, Settings, check_exposure


def serve(
    artifact: Path,
    /,
    *,
    compare_with: Path | None = None,
    data: Path | None = None,
    changes: Path | None = None,
    report: Path | None = None,
    settings: Annotated[Settings, Parameter(name="*")] = Settings(),  # noqa: B008 -- frozen
) -> None:
    """Serve an artifact over HTTP, with a page that shows why.

    Keys come from the environment: PRISMREC_READ_KEYS, PRISMREC_WRITE_KEYS, PRISMREC_ADMIN_KEYS,
    each several separated by commas. Every flag can stand in a TOML file, given as --config FILE.

    Args:
        artifact: Folder made by 'prismrec train'. A new one at its place is taken up on SIGHUP.
        compare_with: A second artifact, to compare with on the page.
        data: A data set folder whose users the page offers as examples.
        changes: File that keeps hidden and new items; ARTIFACT.changes if not given.
        report: Folder that 'prismrec evaluate --report' wrote, for the page's health view.
        settings: How the service runs.
    """
    try:
        from prismrec.service import check_places, listen, run, write_environment
    except ImportError as error:
        raise MissingExtra.for_("prismrec serve", "serve") from error
    keys = Keys.from_environment()
    check_exposure(settings, keys)
    places = ServePaths(
        artifact=artifact, compare_with=compare_with, data=data, changes=changes, report=report
    )
    check_places(places)
    write_environment(places, settings)
    page = " and the page" if settings.page_for(keys) else ""
    with listen(settings) as bound:
        host, port = bound.getsockname()[:2]
        at = f"[{host}]" if ":" in host else host
        said = f"Serving {artifact}: the API{page} at http://{at}:{port}/"
        run(bound, settings.workers, lambda: print_note(said))
