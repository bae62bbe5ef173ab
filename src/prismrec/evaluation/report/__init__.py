"""The report of an evaluation: for people in Markdown and HTML, for programs in JSON.

    content = Content(title="Prismrec on ml-100k", entries=[Entry(...), ...], ...)
    write_report(content, "report/")      # report.md  report.html  report.json  plots/*.svg

Everything is a pure function of ``Content`` but the writing. The page needs no other file, no
JavaScript and no host; its plots are SVG made here.
"""

from prismrec.evaluation.report.content import Content, Entry, differences, numbers
from prismrec.evaluation.report.markdown import markdown
from prismrec.evaluation.report.page import page
from prismrec.evaluation.report.write import write_report

__all__ = ["Content", "Entry", "differences", "markdown", "numbers", "page", "write_report"]
