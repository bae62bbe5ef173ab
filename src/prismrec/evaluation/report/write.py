"""Write a report to disk; each file is written completely or not at all."""

import json
from pathlib import Path

from prismrec.evaluation.report.content import Content, numbers
from prismrec.evaluation.report.markdown import markdown
from prismrec.evaluation.report.page import page
from prismrec.evaluation.report.sections import sections
from prismrec.evaluation.report.svg import standalone
from prismrec.io import FolderKind, atomic_file, check_replaceable, check_writable_folder

PLOTS = "plots"
"""Folder of the plots in the folder of the report."""
REPORT_FILE = "report.json"
"""File of the numbers in the folder of the report."""
KIND = FolderKind(REPORT_FILE, '"tradeoff_k"')
"""By its numbers, the folder of a report is recognized; it may have other files, which stay."""


def check_report_folder(folder: Path) -> None:
    """Raise DataError if no report can be written to a folder: before anything is measured.

    As for a data set or an artifact, the folder must be new, empty or have an earlier report.
    """
    check_writable_folder(folder)
    check_writable_folder(folder / PLOTS)
    check_replaceable(folder, KIND)


def write_report(content: Content, folder: str | Path) -> None:
    """Write ``report.json``, ``report.md``, ``report.html`` and ``plots/*.svg``.

    Files that are linked are written first, and before them the one by which the folder is
    recognized. Other files of the folder of an earlier report are not changed.

    Raises:
        DataError: A file cannot be written, or the folder has other content.
    """
    folder = Path(folder)
    check_replaceable(folder, KIND)
    files = {
        REPORT_FILE: json.dumps(numbers(content), indent=2, ensure_ascii=False, allow_nan=False)
    }
    files |= {f"{PLOTS}/{s.key}.svg": standalone(s.chart) for s in sections(content) if s.chart}
    files["report.md"] = markdown(content, plots=PLOTS)
    files["report.html"] = page(content)
    for name, body in files.items():
        with atomic_file(folder / name) as path:
            # A command line may contain bytes that are not text.
            path.write_text(body, encoding="utf-8", errors="replace")
