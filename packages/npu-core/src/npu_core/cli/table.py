"""Plain text tables for the terminal."""

from collections.abc import Iterable, Sequence


def render(title: str, rows: Iterable[Sequence[object]]) -> str:
    """A title and aligned rows; the last column keeps its full text. None shows as a dash."""
    cells = [["-" if value is None else str(value) for value in row] for row in rows]
    if not cells:
        return f"{title}\n  none\n"
    widths = [max(len(row[i]) for row in cells if i < len(row)) for i in range(max(map(len, cells)))]
    lines = ["  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=False)).rstrip() for row in cells]
    return "\n".join([title, *lines]) + "\n"


def size(number: int) -> str:
    """Bytes in GiB."""
    return f"{number / 2**30:.1f} GiB"
