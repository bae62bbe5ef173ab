"""Draw how the time of a search grows with the catalog, from what bench_search printed.

python benchmarks/bench_search.py --items 10000 --items 100000 --items 1000000 > lines.jsonl
python benchmarks/plot_search.py lines.jsonl docs/images/search.svg
"""

import json
import math
import sys
from collections import defaultdict
from pathlib import Path

from prismrec.evaluation.report.svg import Line, line_chart, standalone

WHAT = "request, p50"


def main(source, target):
    """Write the drawing."""
    points = defaultdict(list)
    for line in Path(source).read_text().splitlines():
        told = json.loads(line)
        if told["what"] == WHAT:
            points[told["index"]].append((told["items"], math.log10(told["value"])))
    chart = line_chart(
        [Line(name=name, points=sorted(own)) for name, own in sorted(points.items())],
        key="search",
        title="Time of a request by the size of the catalog",
        about="One user of four interests, 50 items, one thread; the median, both axes logarithmic",
        x_label="items",
        y_label="log10 of milliseconds",
        log_x=True,
    )
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    Path(target).write_text(standalone(chart), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
