"""What the properties on a Klaviyo profile are called, and whether they say ids or words. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

#: `ids` are the same in every language (`v-neck`); `en` and `zh` are words for people (`V领`).
Labels = Literal["ids", "en", "zh"]
#: What a property may hold, by the tag category it lists. All are always sent, empty ones too: Klaviyo keeps what is
#: omitted.
LISTS: Final[Mapping[str, str]] = {
    "materials": "material",
    "styles": "style",
    "categories": "category",
    "interests": "interest",
}

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_ ]{0,63}")


@dataclass(frozen=True, slots=True)
class PropertyNames:
    """
    Names of the profile's properties.

    `aliases` are further properties that say the same, by what they hold: `{"preferred_materials": "materials",
    "style_tags": "styles"}`.

    Raises:
        ValueError: a name that is none, or an alias for a list that there is not.

    """

    prefix: str = "outfit_"
    aliases: Mapping[str, str] = field(default_factory=dict)
    labels: Labels = "ids"

    def __post_init__(self) -> None:
        taken = {self.prefix + name for name in (*LISTS, "version", "updated_at")}
        for name in (*taken, *self.aliases):
            if not _NAME.fullmatch(name):
                raise ValueError(f"a property's name has letters, digits, spaces and _, at most 64: not {name!r}")
        for name, holds in self.aliases.items():
            if holds not in LISTS or name in taken:
                raise ValueError(f"{name!r} must be a new name for one of {', '.join(LISTS)}")

    @property
    def every(self) -> tuple[str, ...]:
        """All properties that a profile is ever given, sorted."""
        return tuple(sorted({self.prefix + name for name in (*LISTS, "version", "updated_at")} | self.aliases.keys()))

    @property
    def version(self) -> str:
        """The name of the property that counts the changes."""
        return f"{self.prefix}version"


DEFAULT_NAMES: Final = PropertyNames()
