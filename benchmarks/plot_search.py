"""Draw how the time of a search grows with the catalog, from the output of bench_search.

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
    """Write the chart."""
    points = defaultdict(list)
    for line in Path(source).read_text().splitlines():
        result = json.loads(line)
        if result["what"] == WHAT:
            points[result["index"]].append((result["items"], math.log10(result["value"])))
    chart = line_chart(
        [Line(name=name, points=sorted(xy)) for name, xy in sorted(points.items())],
        key="search",
        title="Time of a request by the size of the catalog",
        about="One user of four interests, 50 items, one thread; median; both axes are logarithmic",
        x_label="items",
        y_label="log10 of milliseconds",
        log_x=True,
    )
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    Path(target).write_text(standalone(chart), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
