"""Write deploy/grafana.json: a dashboard of exactly the metrics that the service has.

python deploy/make_dashboard.py; a test holds the file to what this writes.
"""

import json
from pathlib import Path

TARGET = Path(__file__).with_name("grafana.json")


def rate(metric, labels=""):
    """Give a counter's rate."""
    return f"rate({metric}{labels and '{' + labels + '}'}[$__rate_interval])"


def of_recommend(share):
    """Give a quantile of the time to recommend."""
    buckets = rate("prismrec_request_seconds_bucket", 'route="/v1/recommend"')
    return f"histogram_quantile({share}, sum by (le) ({buckets}))"


REQUESTS, LISTS = rate("prismrec_requests_total"), rate("prismrec_lists_total")
ERRORS = rate("prismrec_requests_total", 'status=~"5.."')
FALLBACKS = rate("prismrec_lists_total", 'source="popular"')
LISTED = rate("prismrec_interest_items_total")
ONE = "{{instance}}"
PANELS = [
    ("Answers a second, by status", "reqps", {"{{status}}": f"sum by (status) ({REQUESTS})"}),
    ("Answers a second, by route", "reqps", {"{{route}}": f"sum by (route) ({REQUESTS})"}),
    (
        "Time to recommend",
        "s",
        {"p50": of_recommend(0.5), "p95": of_recommend(0.95), "p99": of_recommend(0.99)},
    ),
    ("Share of errors", "percentunit", {"5xx": f"sum({ERRORS}) / sum({REQUESTS})"}),
    ("Requests that wait", "short", {ONE: "prismrec_waiting"}),
    ("Events a second", "short", {"{{kind}}": f"sum by (kind) ({rate('prismrec_events_total')})"}),
    ("Distinct among the newest lists", "percentunit", {ONE: "prismrec_distinct_lists"}),
    (
        "Share of lists that fall back to popularity",
        "percentunit",
        {"popular": f"sum({FALLBACKS}) / sum({LISTS})"},
    ),
    (
        "Items listed, share by interest",
        "percentunit",
        {"{{interest}}": f"sum by (interest) ({LISTED}) / on() group_left() sum({LISTED})"},
    ),
    ("Age of the index", "s", {ONE: "prismrec_index_age_seconds"}),
    ("Since the artifact was opened", "s", {ONE: "prismrec_artifact_seconds"}),
    ("Reloads", "short", {"{{end}}": "sum by (end) (increase(prismrec_reloads_total[1h]))"}),
]


def dashboard():
    """Give the dashboard as Grafana reads it."""
    source = {"type": "prometheus", "uid": "${source}"}
    panels = [
        {
            "id": place + 1,
            "type": "timeseries",
            "title": title,
            "datasource": source,
            "gridPos": {"h": 8, "w": 8, "x": 8 * (place % 3), "y": 8 * (place // 3)},
            "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
            "targets": [
                {
                    "refId": chr(65 + number),
                    "datasource": source,
                    "expr": expression,
                    "legendFormat": legend,
                }
                for number, (legend, expression) in enumerate(lines.items())
            ],
        }
        for place, (title, unit, lines) in enumerate(PANELS)
    ]
    chosen = {"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus"}
    return {
        "title": "Prismrec",
        "uid": "prismrec",
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [chosen]},
        "panels": panels,
    }


if __name__ == "__main__":
    TARGET.write_text(json.dumps(dashboard(), indent=2) + "\n", encoding="utf-8")
