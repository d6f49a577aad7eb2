"""
Finds changes of a JSON Schema that break its existing producers or subscribers. Pure: reads no file.

Knows only the JSON Schema keywords that schemas/export.py writes; raises `UnjudgedError` for any other.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

#: Keywords that describe a value and have no effect on validation.
_REMARKS = {"$schema", "$id", "$defs", "title", "description", "examples", "default"}
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_RULES = {"$ref", "type", "const", "enum", "anyOf", "properties", "required", "items", "pattern", "format"}
_KNOWN = _REMARKS | _RULES | {*_LOWER, *_UPPER}


class UnjudgedError(ValueError):
    """A schema uses a keyword for which this module has no compatibility rule."""


def breaking_changes(old: Schema, new: Schema, *, written_by_us: bool) -> list[str]:
    """
    List what a new version of an event's schema breaks: sentences that begin with the field; empty if compatible.

    Every value that was valid must stay valid, because producers, stored messages and replayed dead letters follow the
    old schema. No field may be removed. New optional fields break nobody.

    Args:
        old: The released schema.
        new: The changed schema.
        written_by_us: True for events that Hangtag publishes. New events must then also be valid under the old schema,
            because subscribers validate and generate code from it.

    Raises:
        UnjudgedError: A schema uses a keyword without a compatibility rule.

    """
    found = [*_removed(_Part(old, old), _Part(new, new), "event")]
    found += [f"{where}: {what}" for where, what in _refused(_Part(old, old), _Part(new, new), "event")]
    if written_by_us:
        found += [
            f"{where}: readers by the old schema refuse what is now written ({what})"
            for where, what in _refused(_Part(new, new), _Part(old, old), "event")
        ]
    return found


class _Part:
    """A schema inside a document, with its references resolved."""

    def __init__(self, schema: Schema, document: Schema) -> None:
        while "$ref" in schema:
            beside = {word: schema[word] for word in schema if word != "$ref"}
            schema = {**document["$defs"][schema["$ref"].removeprefix("#/$defs/")], **beside}
        if unknown := sorted(schema.keys() - _KNOWN):
            raise UnjudgedError(f"schemas/compatibility.py has no rule for {', '.join(unknown)}: add one first")
        self.says = schema
        self._document = document

    def part(self, schema: Schema) -> "_Part":
        return _Part(schema, self._document)

    def choices(self) -> list["_Part"]:
        return [self.part(schema) for schema in self.says.get("anyOf", ())] or [self]

    def fields(self) -> dict[str, "_Part"]:
        """Return the schemas of an object's fields by name; a list's item schema is `[]`."""
        found: dict[str, _Part] = {}
        for choice in self.choices():
            found |= {f".{name}": self.part(schema) for name, schema in choice.says.get("properties", {}).items()}
            if "items" in choice.says:
                found["[]"] = self.part(choice.says["items"])
        return found

    def values(self) -> list[Any] | None:
        return [self.says["const"]] if "const" in self.says else self.says.get("enum")


def _removed(old: _Part, new: _Part, where: str) -> Iterator[str]:
    kept = new.fields()
    for name, field in old.fields().items():
        if name not in kept:
            yield f"{where}{name}: the field was removed"
            continue
        if field.says.get("default") != kept[name].says.get("default"):
            yield f"{where}{name}: the default changed, so messages without the field change their meaning"
        yield from _removed(field, kept[name], f"{where}{name}")


def _refused(wide: _Part, narrow: _Part, where: str) -> Iterator[tuple[str, str]]:
    """Yield where `narrow` rejects a value that `wide` accepts, and why."""
    if "anyOf" in wide.says or "anyOf" in narrow.says:
        for choice in wide.choices():
            trials = [list(_refused(choice, other, where)) for other in narrow.choices()]
            if all(trials):
                # None of the choices fits; report the problems of the closest one.
                yield from min(trials, key=len)
        return
    if wide.says.get("type") != narrow.says.get("type") and not _is_integer_of_number(wide, narrow):
        yield where, f"the type {wide.says.get('type', 'any')} is refused, {narrow.says.get('type', 'any')} is required"
        return
    yield from _refused_values(wide, narrow, where)
    yield from _refused_bounds(wide.says, narrow.says, where)
    yield from _refused_fields(wide, narrow, where)


def _is_integer_of_number(wide: _Part, narrow: _Part) -> bool:
    return (wide.says.get("type"), narrow.says.get("type")) == ("integer", "number")


def _refused_values(wide: _Part, narrow: _Part, where: str) -> Iterator[tuple[str, str]]:
    allowed, wanted = wide.values(), narrow.values()
    if wanted is None:
        return
    if allowed is None:
        yield where, f"only {wanted} are allowed; before, any value was"
    elif gone := [value for value in allowed if value not in wanted]:
        yield where, f"the values {gone} are refused"


def _refused_bounds(wide: Schema, narrow: Schema, where: str) -> Iterator[tuple[str, str]]:
    for words, sign in ((_LOWER, 1), (_UPPER, -1)):
        for word in words:
            if word in narrow and (word not in wide or sign * narrow[word] > sign * wide[word]):
                yield where, f"{word} is {narrow[word]}; before, it was {wide.get(word, 'free')}"
    for word in ("pattern", "format"):
        if word in narrow and narrow[word] != wide.get(word):
            # Whether one pattern includes another is undecided here, so every change of a pattern counts as breaking.
            yield where, f"{word} is {narrow[word]}; before, it was {wide.get(word, 'free')}"


def _refused_fields(wide: _Part, narrow: _Part, where: str) -> Iterator[tuple[str, str]]:
    for name in narrow.says.get("required", ()):
        if name not in wide.says.get("required", ()):
            yield f"{where}.{name}", "the field is required"
    known = wide.fields()
    for name, field in narrow.fields().items():
        if name in known:
            yield from _refused(known[name], field, f"{where}{name}")
        elif name == "[]":
            # A list schema without `items` accepts items of any type.
            yield from _refused(wide.part({}), field, f"{where}{name}")
