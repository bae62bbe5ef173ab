"""Charts as SVG, drawn by pure functions: lines with their names at the end, and bars.

A chart is text for a page; ``standalone`` makes a file of it. ``CHART_STYLE`` has colors for light
and dark pages that color-blind readers can distinguish, and each line has its own marker shape.
"""

import html
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Scale = Callable[[float], float]

SMALLEST_RANGE = 1e-9
"""A chart shows values that differ by less as equal."""
WIDTH, TOP, LEFT, BOTTOM = 420, 34, 44, 44
LETTER = 6.4  # mean width in px of a letter of the 12 px font
LINE = 15  # px between text lines
COLOURS = 6

CHART_STYLE = """
.chart { --ink: #1c2126; --soft: #5b6670; --rule: #dfe3e7; --c0: #0060a8; --c1: #b34700;
  --c2: #00754f; --c3: #97367a; --c4: #785a00; --c5: #0e6f86;
  font: 12px system-ui, sans-serif; font-variant-numeric: tabular-nums; }
@media (prefers-color-scheme: dark) { .chart { --ink: #e8eaed; --soft: #a3adb7; --rule: #363d45;
  --c0: #6cb6ff; --c1: #ff9f5a; --c2: #3ecf9b; --c3: #e59ccb; --c4: #e0c04a; --c5: #5fd0ef; } }
.chart text { fill: var(--soft); }
.chart .name { fill: var(--ink); font-weight: 600; }
.chart .rule { stroke: var(--rule); }
.chart .even { stroke: var(--soft); stroke-dasharray: 2 3; }
.chart .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.chart .leader { fill: none; stroke-width: 1; opacity: .45; }
.chart .base { stroke-width: 1.5; stroke-dasharray: 5 4; }
""" + "\n".join(
    f".chart .s{n} {{ stroke: var(--{ink}); }} .chart .f{n}, .chart text.f{n} "
    f"{{ fill: var(--{ink}); }}"
    for n, ink in [*((str(n), f"c{n}") for n in range(COLOURS)), ("b", "soft")]
)


@dataclass(frozen=True, kw_only=True)
class Line:
    """A named line through points; points that are not finite are left out."""

    name: str
    points: Sequence[tuple[float, float]]
    marks: Sequence[str] = ()
    """A label per point, shown where there is room."""
    baseline: bool = False
    """Draw it gray and dashed."""

    @property
    def drawn(self) -> list[tuple[float, float, str]]:
        """The points with finite coordinates, with their labels."""
        marks = self.marks or [""] * len(self.points)
        points = [(x, y, mark) for (x, y), mark in zip(self.points, marks, strict=True)]
        return [point for point in points if math.isfinite(point[0]) and math.isfinite(point[1])]


def line_chart(
    lines: Sequence[Line], *, key: str, title: str, about: str, x_label: str, y_label: str,
    log_x: bool = False,
) -> str:  # fmt: skip
    """Draw lines, each with its name at its end.

    Args:
        lines: The lines.
        key: Prefix of the ids of title and description; different for each chart of a page.
        title: Title for screen readers.
        about: Description for screen readers.
        x_label: Text below the x axis.
        y_label: Text above the y axis.
        log_x: Use a logarithmic x axis; every x must be above 0.
    """
    shown = [line for line in lines if line.drawn]
    longest = max((len(_short(line.name)) for line in shown), default=0)
    right = WIDTH - 20 - LETTER * longest
    bottom = max(300, TOP + BOTTOM + LINE * len(shown)) - BOTTOM
    points = [point for line in shown for point in line.drawn]
    x_ticks = (log_ticks if log_x else ticks)([x for x, _, _ in points])
    y_ticks = ticks([y for _, y, _ in points])
    low = min([x_ticks[0], *(x for x, _, _ in points)])
    high = max([x_ticks[-1], *(x for x, _, _ in points)])
    x = scale(low, high, LEFT + 6, right - 6, log=log_x)
    y = scale(y_ticks[0], y_ticks[-1], bottom, TOP)
    parts = [
        *_y_axis(y_ticks, y, right, y_label),
        *_x_axis(x_ticks, x, bottom),
        _text((LEFT + right) / 2, bottom + 36, x_label, anchor="middle"),
        *_draw_lines(shown, x, y, right, bottom),
    ]
    return _svg(parts, bottom + BOTTOM, key, title, about)


def bar_chart(
    groups: Sequence[tuple[str, Mapping[int, float]]], *, key: str, title: str, about: str
) -> str:
    """Draw numbered shares as bars, in groups; the dotted line shows equal shares."""
    highest = max((value for _, values in groups for value in values.values()), default=1) or 1
    x = scale(0, highest, LEFT, WIDTH - 60)
    parts, top = [], 4.0
    for number, (name, values) in enumerate(groups):
        colour = f"f{number % COLOURS}"
        parts.append(_text(LEFT, top + 12, name, kind="name"))
        top += 20
        even = x(1 / len(values))
        ends = f'y1="{top:.1f}" y2="{top + 18 * len(values) - 4:.1f}"'
        for interest, value in values.items():
            width = max(x(value) - LEFT, 0.5)
            label = f"{name}, interest {interest}: {100 * value:.1f} %"
            parts += [
                _text(LEFT - 8, top + 11, str(interest), anchor="end"),
                f'<rect class="{colour}" x="{LEFT}" y="{top:.1f}" width="{width:.1f}" height="14" '
                f'rx="2"><title>{text(label)}</title></rect>',
                _text(LEFT + width + 6, top + 11, f"{100 * value:.1f} %"),
            ]
            top += 18
        if even <= WIDTH - 60:
            parts.append(f'<line class="even" x1="{even:.1f}" x2="{even:.1f}" {ends}/>')
        top += 10
    return _svg(parts, top, key, title, about)


def standalone(chart: str) -> str:
    """Return a chart as the text of an SVG file."""
    opened = chart.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return opened.replace(">", f"><style>{CHART_STYLE}</style>", 1) + "\n"


def text(value: str) -> str:
    """Return text escaped for HTML and SVG, without the characters that XML does not allow."""
    return html.escape(re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "", value))


def scale(low: float, high: float, start: float, end: float, *, log: bool = False) -> Scale:
    """Return the linear or logarithmic map from low…high to start…end."""
    transform = math.log if log else float
    spread = transform(high) - transform(low) or 1
    return lambda value: start + (transform(value) - transform(low)) / spread * (end - start)


def ticks(values: Sequence[float]) -> list[float]:
    """Return three to seven evenly spaced round numbers that enclose all values."""
    low, high = min(values, default=0), max(values, default=1)
    if high - low < SMALLEST_RANGE:
        half = abs(low) / 2 if abs(low) > SMALLEST_RANGE else 0.5
        low, high = low - half, high + half
    power = 10.0 ** math.floor(math.log10((high - low) / 4))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if (high - low) / (s * power) <= 5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * n, 12) for n in range(first, last + 1)]


def log_ticks(values: Sequence[float]) -> list[float]:
    """Return the numbers 1, 2, 5, 10, … between the smallest and largest value, at least one."""
    low, high = min(values, default=1), max(values, default=10)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = [s * 10.0**power for power in powers for s in (1, 2, 5)]
    return [tick for tick in steps if low <= tick <= high] or [low]


def _svg(parts: Sequence[str], height: float, key: str, title: str, about: str) -> str:
    labels = f'role="img" aria-labelledby="{text(key)}-title {text(key)}-about"'
    return "\n".join(
        [
            f'<svg class="chart" viewBox="0 0 {WIDTH} {height:.0f}" {labels}>',
            f'<title id="{text(key)}-title">{text(title)}</title>',
            f'<desc id="{text(key)}-about">{text(about)}</desc>',
            *parts,
            "</svg>",
        ]
    )


def _text(x: float, y: float, label: str, *, kind: str = "", anchor: str = "start") -> str:
    attributes = (f' class="{kind}"' if kind else "") + (
        f' text-anchor="{anchor}"' if anchor != "start" else ""
    )
    return f'<text x="{x:.1f}" y="{y:.1f}"{attributes}>{text(label)}</text>'


def _y_axis(values: Sequence[float], y: Scale, right: float, label: str) -> Iterator[str]:
    yield _text(4, TOP - 20, label)
    for tick in values:
        at = y(tick)
        yield f'<line class="rule" x1="{LEFT}" x2="{right:.1f}" y1="{at:.1f}" y2="{at:.1f}"/>'
        yield _text(LEFT - 6, at + 4, f"{tick:g}", anchor="end")


def _x_axis(values: Sequence[float], x: Scale, bottom: float) -> Iterator[str]:
    for tick in values:
        at = x(tick)
        yield f'<line class="rule" x1="{at:.1f}" x2="{at:.1f}" y1="{bottom}" y2="{bottom + 5}"/>'
        yield _text(at, bottom + 18, f"{tick:g}", anchor="middle")


def _draw_lines(
    lines: Sequence[Line], x: Scale, y: Scale, right: float, bottom: float
) -> Iterator[str]:
    paths = [[(x(px), y(py)) for px, py, _ in line.drawn] for line in lines]
    places = apart([path[-1][1] for path in paths], TOP, bottom)
    leaders = [
        [path[-1], (right - 2, place), (right + 4, place)]
        for path, place in zip(paths, places, strict=True)
    ]
    inked = [spot for path in (*paths, *leaders) for spot in _along(path)]
    coloured = 0
    for number, (line, path, leader) in enumerate(zip(lines, paths, leaders, strict=True)):
        colour = "b" if line.baseline else str(coloured % COLOURS)
        coloured += not line.baseline
        yield f'<polyline class="leader s{colour}" points="{_points(leader)}"/>'
        base = " base" if line.baseline else ""
        yield f'<polyline class="line s{colour}{base}" points="{_points(path)}"/>'
        for (px, py, mark), (at_x, at_y) in zip(line.drawn, path, strict=True):
            label = f"{line.name}: {px:g}, {py:.4f}{f' at {mark}' if mark else ''}"
            shape = _marker(number, at_x, at_y)
            yield f'<path class="f{colour}" d="{shape}"><title>{text(label)}</title></path>'
            yield from _mark(mark, at_x, at_y, inked, f"f{colour}") if mark else ()
        yield _text(right + 8, leader[-1][1] + 4, _short(line.name), kind=f"f{colour}")


def _mark(
    mark: str, x: float, y: float, inked: list[tuple[float, float]], kind: str
) -> Iterator[str]:  # fmt: skip
    """Draw a label above, right, left or below a point where it covers nothing, or not at all.

    ``inked`` are the points of everything that is drawn; those of the label are added.
    """
    half = LETTER * len(mark) / 2
    for dx, dy in ((0, -13), (half + 9, 0), (-half - 9, 0), (0, 14)):
        middle, height = x + dx, y + dy
        if all(abs(middle - px) > half + 2 or abs(height - py) > 8 for px, py in inked):
            inked += _along([(middle - half, height), (middle + half, height)])
            yield _text(middle, height + 4, mark, kind=kind, anchor="middle")
            return


def _along(path: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return points along a path, a few px apart."""
    spots = list(path)
    for (x1, y1), (x2, y2) in pairwise(path):
        steps = math.ceil(math.dist((x1, y1), (x2, y2)) / 4)
        spots += [(x1 + (x2 - x1) * n / steps, y1 + (y2 - y1) * n / steps) for n in range(steps)]
    return spots


def _points(path: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in path)


def _marker(number: int, x: float, y: float) -> str:
    """Return the path of a small circle, square, triangle or diamond, in turn."""
    shapes = (
        "m-3.5,0a3.5,3.5 0 1 0 7,0a3.5,3.5 0 1 0 -7,0z",
        "m-3.2,-3.2h6.4v6.4h-6.4z",
        "m0,-4.2l4,7h-8z",
        "m0,-4.5l4.5,4.5l-4.5,4.5l-4.5,-4.5z",
    )
    return f"M{x:.1f},{y:.1f}{shapes[number % len(shapes)]}"


def apart(wanted: Sequence[float], low: float, high: float) -> list[float]:
    """Return positions of text lines, as near to the wanted ones as possible, without overlap."""
    order = sorted(range(len(wanted)), key=lambda n: wanted[n])
    places = [0.0] * len(wanted)
    at = -math.inf
    for n in order:
        at = places[n] = max(at + LINE, wanted[n], low)
    at = high + LINE
    for n in reversed(order):
        at = places[n] = min(at - LINE, places[n])
    return places


def _short(name: str) -> str:
    return name if len(name) <= 20 else f"{name[:19]}…"
