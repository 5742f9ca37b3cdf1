"""Text of a stranger on a terminal (without imports: `--help` needs it at once)."""

from __future__ import annotations


def plain(text: str) -> str:
    """`text` without what steers a terminal or turns lines around: such characters stand as \\x1b."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
