"""``prismrec serve``: the HTTP service and its page."""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from prismrec.cli._headings import (
    COMMON,
    EXPERIMENT,
    EXTENSIONS,
    LIMITS,
    MONITORING,
    PAGE,
    under_headings,
)
from prismrec.cli._output import print_note
from prismrec.errors import ConfigError, MissingExtra
from prismrec.service import Keys, ServePaths, Settings, check_exposure, remember_hangups

HEADINGS = (
    (COMMON, "host port store workers threads"),
    (PAGE, "page image_host"),
    (LIMITS, "queue timeout history body rate cors"),
    (MONITORING, "tracing"),
    (EXTENSIONS, "extractor index rerank"),
)
log = logging.getLogger("prismrec.service")
if TYPE_CHECKING:
    ServeSettings = Settings
else:
    ServeSettings = under_headings(Settings, HEADINGS)


def serve(
    artifact: Path,
    /,
    *,
    compare_with: Annotated[Path | None, Parameter(group=PAGE)] = None,
    data: Annotated[Path | None, Parameter(group=PAGE)] = None,
    report: Annotated[Path | None, Parameter(group=PAGE)] = None,
    changes: Annotated[Path | None, Parameter(group=COMMON)] = None,
    experiment: Annotated[Path | None, Parameter(group=EXPERIMENT)] = None,
    exposures: Annotated[Path | None, Parameter(group=EXPERIMENT)] = None,
    settings: Annotated[ServeSettings, Parameter(name="*")] = ServeSettings(),  # noqa: B008 -- frozen
) -> None:
    """Serve an artifact over HTTP, with a page that explains each list.

    Keys come from the environment variables PRISMREC_READ_KEYS, PRISMREC_WRITE_KEYS and
    PRISMREC_ADMIN_KEYS; separate several keys by commas. PRISMREC_KEYS_FILE names a file of keys,
    which may change while the service runs. The service loads a new artifact in the same folder, or
    behind the same link, on SIGHUP.

    Args:
        artifact: Folder made by 'prismrec train'.
        compare_with: A second artifact, to compare with the first one on the page.
        data: Data set folder; the page shows its users as examples.
        report: Folder written by 'prismrec evaluate --report', for the diagnostics view of the
            page.
        changes: File of hidden and new items; ARTIFACT.changes by default.
        experiment: TOML file of an experiment: users get lists with the options of their variant.
            Their lists are logged; PRISMREC_EXPOSURE_SECRET is the secret that hashes them.
        exposures: Folder of the exposure log; ARTIFACT.exposures by default.
        settings: How the service runs.
    """
    remember_hangups()
    try:
        from prismrec.service import check_served, listen, run, write_environment
    except ImportError as error:
        raise MissingExtra.for_("prismrec serve", "serve") from error
    if exposures and not experiment:
        raise ConfigError(
            f"--exposures is {exposures}, but lists are logged in an experiment only; add "
            "--experiment FILE, or leave it out."
        )
    keys = Keys.from_environment()
    check_exposure(settings, keys)
    paths = ServePaths(
        artifact=artifact, compare_with=compare_with, data=data, changes=changes, report=report,
        experiment=experiment, exposures=exposures,
    )  # fmt: skip
    check_served(paths, settings)
    write_environment(paths, settings)
    page = " and the page" if settings.page_for(keys) else ""
    with listen(settings) as bound:
        host, port = bound.getsockname()[:2]
        address = f"[{host}]" if ":" in host else host
        message = f"Serving {artifact}: the API{page} at http://{address}:{port}/"
        announce = print_note if sys.stderr.isatty() else log.info
        run(bound, settings.workers, lambda: announce(message))
