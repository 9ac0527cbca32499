"""Line charts as SVG text: axes with units, series told apart by dash and marker, not by colour.

Colours are CSS variables of the page, so that one drawing serves light and dark. Everything a
chart says with a colour it also says with a shape, a dash or a word.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Literal

WIDTH, HEIGHT = 620, 310
LEFT, RIGHT, TOP, BOTTOM = 78, 18, 36, 48

Point = tuple[float, float | None]
Style = Literal["a", "b", "c", "d"]
"""a: solid; b: dashed; c: dotted; d: thin and pale, for what lies behind."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis.

    Attributes:
        title: what it shows, with its unit where the ticks do not name it.
        low: where it starts.
        high: where it ends, above ``low``.
        tick: how a value is written.
        logarithmic: whether equal ratios are equally far apart; ``low`` is above 0 then.
    """

    title: str
    low: float
    high: float
    tick: Callable[[float], str]
    logarithmic: bool = False

    @classmethod
    def over(
        cls,
        title: str,
        values: Sequence[float],
        tick: Callable[[float], str],
        *,
        logarithmic: bool = False,
        zero: bool = False,
    ) -> "Axis":
        """An axis that holds ``values`` with a little room; from 0 where ``zero``."""
        low, high = min(values, default=0.0), max(values, default=1.0)
        if logarithmic:
            low, high = max(low, 1e-6), max(high, 2e-6)
            return cls(title, low / 1.15, high * 1.15, tick, logarithmic=True)
        room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
        return cls(title, 0.0 if zero else low - room, high + room, tick)

    def at(self, value: float) -> float:
        """Where ``value`` lies, from 0 at the start to 1 at the end."""
        if self.logarithmic:
            value = max(value, self.low)
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Round values to mark, about five."""
        return _log_ticks(self.low, self.high) if self.logarithmic else _ticks(self.low, self.high)


def _ticks(low: float, high: float) -> list[float]:
    raw = (high - low) / 5
    base = 10.0 ** math.floor(math.log10(raw))
    step = next(base * each for each in (1, 2, 2.5, 5, 10) if base * each >= raw)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [each * step for each in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    few = math.log10(high / low) < 2.5
    marks = [m * 10.0**e for e in exponents for m in ((1, 2, 5) if few else (1,))]
    return [mark for mark in marks if low <= mark <= high]


@dataclass(slots=True)
class Chart:
    """A chart that is drawn layer by layer.

    Attributes:
        title: what a reader, or a screen reader, is told it shows.
        x: the axis below.
        y: the axis at the left.
    """

    title: str
    x: Axis
    y: Axis
    _layers: list[str] = field(default_factory=list)
    _legend: list[tuple[str, str]] = field(default_factory=list)

    def line(self, points: Sequence[Point], label: str, style: Style) -> None:
        """A line through ``points``, broken where a value is unknown."""
        path, pen = [], "M"
        for x, y in points:
            if y is None:
                pen = "M"
                continue
            path.append(f"{pen}{self._x(x):.1f} {self._y(y):.1f}")
            pen = "L"
        self._layers.append(f'<path class="line {style}" d="{"".join(path)}"/>')
        self._legend.append((f'<path class="line {style}" d="M0 0h26"/>', label))

    def dots(
        self, points: Sequence[tuple[float, float, str]], label: str, style: Style, *, hollow: bool
    ) -> None:
        """A mark at each point, with what it says when pointed at."""
        shape = _cross if hollow else _dot
        for x, y, tip in points:
            drawn = shape(self._x(x), self._y(y), style)
            self._layers.append(f"<g>{drawn}<title>{escape(tip)}</title></g>")
        if points:
            self._legend.append((shape(13, 0, style), label))

    def across(self, value: float, label: str) -> None:
        """A limit: a level line with its name on it, or below it where the top has other names."""
        y = self._y(value)
        name = y - 5 if y > TOP + 36 else max(y + 15, TOP + 32)
        self._layers.append(
            f'<path class="limit" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
            f'<text class="note" x="{LEFT + 6}" y="{name:.1f}">{escape(label)}</text>'
        )

    def upright(self, value: float, low: float, high: float, label: str) -> None:
        """A place on the x axis with its interval: a band, a line, and its name."""
        left, right, middle = self._x(low), self._x(high), self._x(value)
        before = middle > (WIDTH + LEFT) / 2
        at, anchor = (left - 5, "end") if before else (right + 5, "start")
        self._layers.insert(
            0,
            f'<rect class="band" x="{left:.1f}" y="{TOP}" width="{max(right - left, 1):.1f}" '
            f'height="{HEIGHT - TOP - BOTTOM}"/>'
            f'<path class="knee" d="M{middle:.1f} {TOP}V{HEIGHT - BOTTOM}"/>',
        )
        self._layers.append(
            f'<text class="note" x="{at:.1f}" y="{TOP + 14}" '
            f'text-anchor="{anchor}">{escape(label)}</text>'
        )

    def shade(self, start: float, end: float, label: str, *, named: bool = False) -> None:
        """A stretch of the x axis that is set apart, and why: when pointed at, or in writing."""
        left, right = self._x(start), self._x(end)
        if named:
            self._layers.append(
                f'<text class="note" x="{(left + right) / 2:.1f}" y="{TOP + 14}" '
                f'text-anchor="middle">{escape(label)}</text>'
            )
        self._layers.insert(
            0,
            f'<g><rect class="shade" x="{left:.1f}" y="{TOP}" width="{right - left:.1f}" '
            f'height="{HEIGHT - TOP - BOTTOM}"/><title>{escape(label)}</title></g>',
        )

    def tips(self, columns: Sequence[tuple[float, float, str]]) -> None:
        """What a stretch of the x axis says when pointed at."""
        for start, end, tip in columns:
            left, right = self._x(start), self._x(end)
            self._layers.append(
                f'<g><rect class="tip" x="{left:.1f}" y="{TOP}" width="{right - left:.1f}" '
                f'height="{HEIGHT - TOP - BOTTOM}"/><title>{escape(tip)}</title></g>'
            )

    def svg(self) -> str:
        """The whole drawing."""
        return (
            f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{escape(self.title)}">{self._axes()}{"".join(self._layers)}'
            f"{self._key()}</svg>"
        )

    def _axes(self) -> str:
        bottom = HEIGHT - BOTTOM
        parts = []
        for tick in self.y.ticks():
            y = self._y(tick)
            parts.append(
                f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
                f'<text x="{LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">'
                f"{escape(self.y.tick(tick))}</text>"
            )
        for tick in self.x.ticks():
            x = self._x(tick)
            parts.append(
                f'<path class="axis" d="M{x:.1f} {bottom}v5"/>'
                f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">'
                f"{escape(self.x.tick(tick))}</text>"
            )
        middle = (TOP + bottom) / 2
        parts.append(
            f'<path class="axis" d="M{LEFT} {TOP}V{bottom}H{WIDTH - RIGHT}"/>'
            f'<text class="title" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" '
            f'text-anchor="middle">{escape(self.x.title)}</text>'
            f'<text class="title" transform="translate(15 {middle}) rotate(-90)" '
            f'text-anchor="middle">{escape(self.y.title)}</text>'
        )
        return "".join(parts)

    def _key(self) -> str:
        at, parts = float(LEFT), []
        for mark, label in self._legend:
            parts.append(
                f'<g transform="translate({at:.0f} 16)">{mark}'
                f'<text x="32" y="4">{escape(label)}</text></g>'
            )
            at += 48 + 7 * len(label)
        return "".join(parts)

    def _x(self, value: float) -> float:
        return LEFT + self.x.at(value) * (WIDTH - LEFT - RIGHT)

    def _y(self, value: float) -> float:
        return HEIGHT - BOTTOM - self.y.at(value) * (HEIGHT - TOP - BOTTOM)


def _dot(x: float, y: float, style: str) -> str:
    return f'<circle class="dot {style}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'


def _cross(x: float, y: float, style: str) -> str:
    return f'<path class="cross {style}" d="M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"/>'
