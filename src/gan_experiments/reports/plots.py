"""Plots of lines and boxes as SVG in the colours of the page, with direct labels; page.js shows the lines' values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from gan_experiments.figures import number
from gan_experiments.plain import plain
from gan_experiments.reports.text import cut, squeezed

WIDTH, HEIGHT = 440, 260
LEFT, TOP, BOTTOM = 48, 10, 38
LETTER = 7.9  # pixels of a label's letter, at most
TICK = 6.8  # and of a tick's
LABEL = 22  # letters of a label
LARGEST = 1e100  # values beyond are left out
SMALLEST = 1e-200  # what lies within stands at 0
COLOURS = 8  # of the page; lines beyond are grey
LABEL_HEIGHT = 13
MAX_POINTS = 240


@dataclass
class Line:
    """`points` (x, y), sorted; `band` (x, low, high); `colour` 0 to 7, or None
    for grey; `key` links it to a group.
    """

    name: str
    points: list[tuple[float, float]]
    band: list[tuple[float, float, float]] = field(default_factory=list)
    colour: int | None = 0
    key: str = ""


def plot(title: str, lines: Sequence[Line], x_label: str) -> Markup | None:
    """A plot of the lines that have finite points; None where none has."""
    lines = [_finite(line) for line in lines]
    lines = [line for line in lines if line.points]
    if not lines:
        return None
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    ys += [y for line in lines for _, low, high in line.band for y in (low, high)]
    named = [squeezed(line.name, LABEL) for line in lines if line.colour is not None]
    right = WIDTH - 12 - LETTER * max(map(len, named), default=0)
    across, up = (
        _Axis(min(0.0, *xs), max(xs), LEFT, right, whole=all(x == int(x) for x in xs)),
        _Axis(min(ys), max(ys), HEIGHT - BOTTOM, TOP, log=True),
    )
    parts = [
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
        *_grid(across, up, x_label),
    ]
    for line in sorted(lines, key=lambda line: line.colour is not None):
        parts.append(_drawn(line, across, up))
    parts += _labels([line for line in lines if line.colour is not None], across, up)
    return Markup("".join([*parts, "</svg>"]))


def boxes(title: str, groups: Mapping[str, Sequence[float]]) -> Markup | None:
    """A box for the finite values of each group, by its name: median, quartiles and extremes; None where none has any."""
    finite = {name: [v for v in values if abs(v) < LARGEST] for name, values in groups.items()}
    finite = {name: sorted(values) for name, values in finite.items() if values}
    if not finite:
        return None
    every = [value for values in finite.values() for value in values]
    up = _Axis(min(every), max(every), HEIGHT - BOTTOM, TOP, log=True)
    parts = [
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
        *_levels(up, WIDTH - 12),
    ]
    step = (WIDTH - 12 - LEFT) / len(finite)
    for index, (name, values) in enumerate(finite.items()):
        parts.append(_box(name, values, LEFT + (index + 0.5) * step, min(0.5 * step, 40), up))
        tick = escape(squeezed(name, max(4, int(step / LETTER))))
        x = LEFT + (index + 0.5) * step
        parts.append(f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 22}" text-anchor="middle">{tick}</text>')
    return Markup("".join([*parts, "</svg>"]))


def _box(name: str, values: Sequence[float], x: float, width: float, up: _Axis) -> str:
    """From the first to the third quartile, with whiskers to the extremes, and a dot for every value."""
    least, first, median, third, most = (quantile(values, share) for share in (0, 0.25, 0.5, 0.75, 1))
    left, right = x - width / 2, x + width / 2
    hover = (
        f"{name}: {len(values)} runs, median {number(median)}, half of them {number(first)} to {number(third)}, "
        f"all {number(least)} to {number(most)}"
    )
    dots = "".join(f'<circle cx="{x:.1f}" cy="{up(value):.1f}" r="2"/>' for value in values[:MAX_POINTS])
    return (
        f'<g class="box"><title>{escape(plain(hover))}</title>'
        f'<path d="M{x:.1f} {up(least):.1f}V{up(first):.1f}M{x:.1f} {up(third):.1f}V{up(most):.1f}"/>'
        f'<rect x="{left:.1f}" y="{up(third):.1f}" width="{width:.1f}" height="{up(first) - up(third):.1f}"/>'
        f'<path class="median" d="M{left:.1f} {up(median):.1f}H{right:.1f}"/>{dots}</g>'
    )


def quantile(values: Sequence[float], share: float) -> float:
    """Of sorted values, between the two nearest."""
    place = share * (len(values) - 1)
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (place - low) * (values[high] - values[low])


class _Axis:
    """Values to pixels.

    log: on a logarithmic scale where they are positive and span more than a factor of 30. whole: counts, which have
    no ticks between them.
    """

    def __init__(
        self, low: float, high: float, start: float, end: float, log: bool = False, whole: bool = False
    ) -> None:
        self.whole = whole
        self.log = log and low > 0 and high / low > 30
        size = max(abs(low), abs(high))
        if size < SMALLEST:
            low, high, self.log = 0.0, 1.0, False
        elif high - low <= 1e-9 * size:
            low, high = low - size / 2, high + size / 2
        self.low, self.high, self.start, self.end = low, high, start, end

    def __call__(self, value: float) -> float:
        low, high, value = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (self.end - self.start) * ((value / 2 - low / 2) / (high / 2 - low / 2))

    def ticks(self) -> list[float]:
        if self.log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            for multiples in ((1, 2, 5), (1, 3), (1,)):
                ticks = [
                    m * 10.0**p for p in powers for m in multiples if self.low <= m * 10.0**p <= self.high
                ]
                if len(ticks) <= 7:
                    return ticks
            return ticks[:: len(ticks) // 6 + 1]
        step = 10.0 ** math.floor(math.log10((self.high - self.low) / 5))
        step *= next((m for m in (1, 2, 5) if (self.high - self.low) / (m * step) <= 6), 10)
        if self.whole:
            step = max(step, 1.0)
        first = math.ceil(self.low / step)
        return [(first + i) * step for i in range(8) if (first + i) * step <= self.high + 1e-9 * step]


def _finite(line: Line) -> Line:
    points = [(x, y) for x, y in line.points if math.isfinite(x) and abs(y) < LARGEST]
    stride = max(1, math.ceil(len(points) / MAX_POINTS))
    points = points[:-1][::stride] + points[-1:]
    band = [(x, low, high) for x, low, high in line.band if max(abs(low), abs(high)) < LARGEST]
    return Line(line.name, points, band if len(band) > 1 else [], line.colour, line.key)


def _levels(up: _Axis, end: float) -> list[str]:
    parts = []
    for value in up.ticks():
        y = up(value)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{end:.1f}"/>')
        parts.append(
            f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_short(value)}</text>'
        )
    return parts


def _grid(across: _Axis, up: _Axis, x_label: str) -> list[str]:
    parts = _levels(up, across.end)
    for value in across.ticks():
        x = across(value)
        parts.append(
            f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 22}" text-anchor="middle">{_short(value)}</text>'
        )
    middle = (across.start + across.end) / 2
    parts.append(
        f'<text class="tick" x="{middle:.1f}" y="{HEIGHT - 5}" text-anchor="middle">{escape(x_label)}</text>'
    )
    return parts


def _short(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size and abs(value) < 1e13:
            return f"{value / size:g}{letter}"
    return f"{value:.4g}"


def _drawn(line: Line, across: _Axis, up: _Axis) -> str:
    name, colour = escape(cut(line.name)), "grey" if line.colour is None else f"c{line.colour % COLOURS}"
    points = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in line.points)
    parts = [f'<g class="line {colour}" data-key="{escape(line.key)}" data-name="{name}">']
    if line.band:
        edge = [(x, high) for x, _, high in line.band] + [(x, low) for x, low, _ in reversed(line.band)]
        parts.append(f'<polygon points="{" ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in edge)}"/>')
    xs = " ".join(f"{x:g}" for x, _ in line.points)
    ys = " ".join(number(y) for _, y in line.points)
    parts.append(f'<polyline points="{points}" data-x="{xs}" data-y="{ys}"/>')
    if len(line.points) <= 40:
        parts += [f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="2.5"/>' for x, y in line.points]
    return "".join([*parts, "</g>"])


def _labels(lines: Sequence[Line], across: _Axis, up: _Axis) -> list[str]:
    """The names at the ends of their lines, moved apart where they would cover each other."""
    ends = sorted(((up(line.points[-1][1]), line) for line in lines), key=lambda end: end[0])
    places: list[float] = []
    for y, _ in ends:
        places.append(max(y, places[-1] + LABEL_HEIGHT if places else TOP))
    overflow = max(0.0, (places[-1] if places else 0) - (HEIGHT - BOTTOM))
    lowest = HEIGHT - BOTTOM + 4.0
    for index in reversed(range(len(places) if overflow else 0)):
        places[index] = min(places[index], lowest)
        lowest = places[index] - LABEL_HEIGHT
    x = across.end + 8
    return [
        f'<text class="label c{(line.colour or 0) % COLOURS}" data-key="{escape(line.key)}" x="{x:.1f}" y="{y + 4:.1f}">'
        f"{escape(squeezed(line.name, LABEL))}</text>"
        for y, (_, line) in zip(places, ends, strict=True)
    ]
