"""Numbers as text, and text that is safe to print."""

import json
from typing import Any


def printable(text: str) -> str:
    r"""Return a text with an escape, such as \x1b, in place of each character that would steer a terminal.

    Line ends and tabs stay. What was not written here, such as labels of a file, is never printed raw.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


def as_json(data: Any, indent: int | None = None) -> str:
    """Return JSON of which nothing would steer a terminal: characters that are not printable are escapes."""
    text = json.dumps(data, ensure_ascii=False, indent=indent)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def small(x: float) -> str:
    """Return an exploitability or a gap: three digits, and a power of ten where it is far from one.

    Neither is below zero; what rounding makes of zero is told as zero.
    """
    return "0" if x < 1e-15 else f"{x:.3g}"


def plus_minus(mean: float, error: float) -> str:
    """Return a mean with its sign and half the width of its interval, to as many decimals as that is worth."""
    digits = 0 if error >= 10 else 1 if error >= 1 else 2 if error >= 0.1 else 4
    return f"{mean:+,.{digits}f} ± {error:,.{digits}f}"


def payoff(x: float) -> str:
    """Return a payoff with its sign, to six decimals."""
    return f"{x:+.6f}" if round(x, 6) else "0.000000"


def duration(seconds: float) -> str:
    """Return a time as one would say it."""
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms" if seconds >= 0.001 else "under 1 ms"
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes = int(seconds / 60 + 0.5)
    if minutes < 100:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes < 6000 else f"{minutes / 1440:.0f} days"


def count(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(count: int) -> str:
    """Return a number of bytes as one would say it."""
    if count >= 2**40:
        return f"{count / 2**40:,.0f} TB"
    return f"{count / 2**30:.1f} GB" if count >= 2**30 else f"{max(count / 2**20, 0.1):.3g} MB"
