"""
Parses Klaviyo's filter language. Pure.

    equals(email,"o'neil@shop.cn"),greater-than(created,2026-01-01T00:00:00Z)
    or(any(id,["a","b"]),and(contains(name,"x"),not(equals(archived,true))))

A comma between comparisons means and. Texts are in double or single quotes, with a backslash before a quote inside.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

OPERATORS: Final = frozenset(
    [
        "equals",
        "not-equals",
        "less-than",
        "less-or-equal",
        "greater-than",
        "greater-or-equal",
        "contains",
        "contains-any",
        "contains-all",
        "starts-with",
        "ends-with",
        "any",
        "has",
    ]
)
_NAME = re.compile(r"[A-Za-z_$][\w.$-]*")
_BARE = re.compile(r"[^\s,()\[\]\"']+")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_SPACE = re.compile(r"\s*")
_WORDS: Final = {"true": True, "false": False, "null": None}
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
#: Deepest nesting: more than people write, and far below Python's own limit.
DEEPEST: Final = 20


class GrammarError(ValueError):
    """Not a filter; the message says what was expected, and where."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field compared with one value; `has` has none."""

    operator: str
    field: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Logic:
    """`and`, `or`, or `not` with one part."""

    kind: str
    parts: tuple["Comparison | Logic", ...]


Filter = Comparison | Logic


def parse(text: str) -> Filter:
    """
    Parse a filter.

    Raises:
        GrammarError: It is not valid.

    """
    reader = _Reader(text)
    parts = reader.expressions(0)
    if not reader.ended():
        raise reader.error("a comma or the end")
    return parts[0] if len(parts) == 1 else Logic("and", parts)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def expressions(self, depth: int) -> tuple[Filter, ...]:
        found = [self._expression(depth)]
        while self._take(","):
            found.append(self._expression(depth))
        return tuple(found)

    def _expression(self, depth: int) -> Filter:
        if depth > DEEPEST:
            raise GrammarError(f"nested deeper than {DEEPEST}")
        name = self._match(_NAME, "an operator")
        self._expect("(")
        if name in {"and", "or", "not"}:
            parts = self.expressions(depth + 1)
            if name == "not" and len(parts) != 1:
                raise self.error("one part in not()")
            found: Filter = Logic(name, parts)
        elif name in OPERATORS:
            field = self._match(_NAME, "a field")
            if name == "has":
                found = Comparison(name, field)
            else:
                self._expect(",")
                found = Comparison(name, field, self._value())
        else:
            raise GrammarError(f"there is no operator {name}")
        self._expect(")")
        return found

    def _value(self) -> Any:
        if self._take("["):
            values: list[Any] = []
            while not self._take("]"):
                if values:
                    self._expect(",")
                values.append(self._value())
            return values
        self._skip()
        quote = self._text[self._at : self._at + 1]
        if quote in {'"', "'"}:
            return self._quoted(quote)
        bare = self._match(_BARE, "a value")
        if bare in _WORDS:
            return _WORDS[bare]
        if _NUMBER.fullmatch(bare):
            return float(bare) if set(bare) & set(".eE") else int(bare)
        return bare

    def _quoted(self, quote: str) -> str:
        found = []
        self._at += 1
        while (one := self._text[self._at : self._at + 1]) != quote:
            if not one:
                raise self.error(f"the closing {quote}")
            if one == "\\":
                one = self._escaped()
            found.append(one)
            self._at += 1
        self._at += 1
        return "".join(found)

    def _escaped(self) -> str:
        self._at += 1
        one = self._text[self._at : self._at + 1]
        if one == "u" and re.fullmatch("[0-9a-fA-F]{4}", digits := self._text[self._at + 1 : self._at + 5]):
            self._at += 4
            return chr(int(digits, 16))
        return _ESCAPES.get(one, one)

    def _match(self, pattern: re.Pattern[str], what: str) -> str:
        self._skip()
        found = pattern.match(self._text, self._at)
        if found is None:
            raise self.error(what)
        self._at = found.end()
        return found[0]

    def _take(self, mark: str) -> bool:
        self._skip()
        if not self._text.startswith(mark, self._at):
            return False
        self._at += 1
        return True

    def _expect(self, mark: str) -> None:
        if not self._take(mark):
            raise self.error(mark)

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        if found is not None:
            self._at = found.end()

    def ended(self) -> bool:
        self._skip()
        return self._at == len(self._text)

    def error(self, what: str) -> GrammarError:
        return GrammarError(f"expected {what} at character {self._at + 1}")
