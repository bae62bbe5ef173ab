"""Reports of an evaluation: Markdown and HTML for readers, JSON for programs.

    content = Content(title="Prismrec on ml-100k", entries=[Entry(...), ...], ...)
    write_report(content, "report/")      # report.md  report.html  report.json  plots/*.svg

Everything but the writing is a pure function of ``Content``. The HTML page needs no other file, no
JavaScript and no network; its plots are SVG.
"""

from prismrec.evaluation.report.content import (
    Content,
    Entry,
    ModelComparison,
    compare_with_single_interest,
    differences,
    name_with_one_interest,
    numbers,
)
from prismrec.evaluation.report.markdown import markdown, markdown_table
from prismrec.evaluation.report.page import page
from prismrec.evaluation.report.write import REPORT_FILE, check_report_folder, write_report

__all__ = [
    "REPORT_FILE",
    "Content",
    "Entry",
    "ModelComparison",
    "check_report_folder",
    "compare_with_single_interest",
    "differences",
    "markdown",
    "markdown_table",
    "name_with_one_interest",
    "numbers",
    "page",
    "write_report",
]
