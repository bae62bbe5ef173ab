"""Write deploy/grafana.json: a dashboard of all metrics of the service.

Run: python deploy/make_dashboard.py. A test checks that the file is up to date.
"""

import json
from pathlib import Path

TARGET = Path(__file__).with_name("grafana.json")


def rate(metric, labels=""):
    """Return the query for the rate of a counter."""
    return f"rate({metric}{labels and '{' + labels + '}'}[$__rate_interval])"


def recommend_seconds(share):
    """Return the query for a quantile of the seconds until a list is answered."""
    buckets = rate("prismrec_request_seconds_bucket", 'route="/v1/recommend"')
    return f"histogram_quantile({share}, sum by (le) ({buckets}))"


REQUESTS, LISTS = rate("prismrec_requests_total"), rate("prismrec_lists_total")
ERRORS = rate("prismrec_requests_total", 'status=~"5.."')
FALLBACKS = rate("prismrec_lists_total", 'source="popular"')
LISTED = rate("prismrec_interest_items_total")
ONE = "{{instance}}"
PANELS = [
    ("Requests per second, by status", "reqps", {"{{status}}": f"sum by (status) ({REQUESTS})"}),
    ("Requests per second, by route", "reqps", {"{{route}}": f"sum by (route) ({REQUESTS})"}),
    (
        "Time until a list is answered",
        "s",
        {
            "p50": recommend_seconds(0.5),
            "p95": recommend_seconds(0.95),
            "p99": recommend_seconds(0.99),
        },
    ),
    ("Share of server errors", "percentunit", {"5xx": f"sum({ERRORS}) / sum({REQUESTS})"}),
    ("Running and waiting requests", "short", {ONE: "prismrec_waiting"}),
    (
        "Events per second",
        "short",
        {"{{kind}}": f"sum by (kind) ({rate('prismrec_events_total')})"},
    ),
    ("Share of distinct lists among the newest", "percentunit", {ONE: "prismrec_distinct_lists"}),
    (
        "Share of lists of popular items",
        "percentunit",
        {"popular": f"sum({FALLBACKS}) / sum({LISTS})"},
    ),
    (
        "Share of listed items, by interest",
        "percentunit",
        {"{{interest}}": f"sum by (interest) ({LISTED}) / on() group_left() sum({LISTED})"},
    ),
    ("Age of the index", "s", {ONE: "prismrec_index_age_seconds"}),
    ("Time since the artifact was opened", "s", {ONE: "prismrec_artifact_seconds"}),
    ("Reloads", "short", {"{{end}}": "sum by (end) (increase(prismrec_reloads_total[1h]))"}),
]


def dashboard():
    """Return the dashboard in Grafana's JSON format."""
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
