"""The argument expressions of the tables: ``aclnnSum(self, dims(dim, self), dtype(out), 'none', 1.5)``.

An expression is a name, a literal (number, ``true``, ``false``, ``'text'``, ``null``) or a rule applied to
expressions. Names may be C++ or Python keywords (``from``), so Python's own parser is not used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import TableError

_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_]\w*)|(?P<number>-?\d+(?:\.\d+)?(?:e-?\d+)?)|'(?P<text>[^']*)'|(?P<mark>[(),]))"
)


@dataclass(frozen=True)
class Name:
    """An argument or a result of the ATen operator, or a constant rule such as ``cube_math``."""

    id: str


@dataclass(frozen=True)
class Literal:
    """A number, truth value, text, or ``None`` for ``null``."""

    value: bool | int | float | str | None


@dataclass(frozen=True)
class Apply:
    """A rule, or at the top an aclnn operator, applied to expressions."""

    rule: str
    args: tuple[Expression, ...]


Expression = Name | Literal | Apply

_WORDS = {"true": Literal(True), "false": Literal(False), "null": Literal(None)}


def parse(text: str, where: str) -> Expression:
    """One expression. Raises TableError that begins with `where`."""
    tokens = _tokens(text, where)
    result, rest = _expression(tokens, text, where)
    if rest:
        raise TableError(f"{where}: {text!r} goes on after its end at {rest[0][1]!r}")
    return result


def parse_call(text: str, where: str) -> Apply:
    """An expression that applies something: ``aclnnAdd(self, other, alpha, out)``."""
    result = parse(text, where)
    if not isinstance(result, Apply):
        raise TableError(f"{where}: {text!r} must be a call, such as aclnnAdd(self, other, alpha, out)")
    return result


def _tokens(text: str, where: str) -> list[tuple[str, str]]:
    out, at = [], 0
    while at < len(text.rstrip()):
        m = _TOKEN.match(text, at)
        if not m:
            raise TableError(f"{where}: cannot read {text[at:]!r} in {text!r}")
        kind = str(m.lastgroup)
        out.append((kind, m[kind]))
        at = m.end()
    return out


def _expression(tokens: list[tuple[str, str]], text: str, where: str) -> tuple[Expression, list[tuple[str, str]]]:
    if not tokens:
        raise TableError(f"{where}: {text!r} ends too early")
    (kind, word), rest = tokens[0], tokens[1:]
    if kind == "number":
        return Literal(float(word) if re.search(r"[.e]", word) else int(word)), rest
    if kind == "text":
        return Literal(word), rest
    if kind == "mark":
        raise TableError(f"{where}: {word!r} where an argument was expected in {text!r}")
    if rest[:1] != [("mark", "(")]:
        return _WORDS.get(word) or Name(word), rest
    args: list[Expression] = []
    rest = rest[1:]
    while rest[:1] != [("mark", ")")]:
        arg, rest = _expression(rest, text, where)
        args.append(arg)
        if rest[:1] == [("mark", ",")]:
            rest = rest[1:]
        elif rest[:1] != [("mark", ")")]:
            raise TableError(f"{where}: ',' or ')' is missing in {text!r}")
    return Apply(word, tuple(args)), rest[1:]
