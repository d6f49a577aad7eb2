"""Names of the properties on a Klaviyo profile, and whether they contain ids or words. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

#: `ids` are the same in every language (`v-neck`); `en` and `zh` are words for people (`V领`).
Labels = Literal["ids", "en", "zh"]
#: How tags seen only in a picture are written: `off` omits them, `separate` gives them their own lists (`seen_styles`
#: next to `styles`), `merged` adds them to the lists of tags read from text.
SeenTags = Literal["off", "separate", "merged"]
#: The lists that every profile has, with the tag category of each. All are always sent, even empty ones, because
#: Klaviyo keeps omitted properties.
LISTS: Final[Mapping[str, str]] = {
    "materials": "material",
    "styles": "style",
    "categories": "category",
    "interests": "interest",
}

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_ ]{0,63}")


#: Tag categories that may be seen in a picture (the lexicon decides). A profile may have a separate list for each.
SEEABLE: Final = frozenset({"category", "colour", "pattern", "style", "occasion", "scene"})
#: The beginning of the name of a list of seen tags, after the prefix.
SEEN: Final = "seen_"

#: Most further lists of a profile: each is sent with every write.
MOST_MORE: Final = 8
_CATEGORY: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class PropertyNames:
    """
    Names of the profile's properties.

    `aliases` are further properties with the same content: `{"preferred_materials": "materials",
    "style_tags": "styles"}`. `categories` are further tag categories that get a list: `("pattern", "colour")`.

    Raises:
        ValueError: A name is not valid, an alias names an unknown list, or there are too many lists.

    """

    prefix: str = "outfit_"
    aliases: Mapping[str, str] = field(default_factory=dict)
    labels: Labels = "ids"
    categories: tuple[str, ...] = ()
    seen: SeenTags = "separate"

    def __post_init__(self) -> None:
        for category in self.categories:
            if not _CATEGORY.fullmatch(category):
                raise ValueError(f"{category!r} is not a valid tag category: write it like 'pattern'")
        if len(set(self.categories) - set(LISTS.values())) > MOST_MORE:
            raise ValueError(f"a profile has at most {MOST_MORE} lists beyond {', '.join(LISTS)}")
        taken = self._own
        for name in (*taken, *self.aliases):
            if not _NAME.fullmatch(name):
                raise ValueError(f"a property's name has letters, digits, spaces and _, at most 64: not {name!r}")
        for name, holds in self.aliases.items():
            if holds not in self.lists or name in taken:
                raise ValueError(f"{name!r} must be a new name for one of {', '.join(self.lists)}")

    @property
    def lists(self) -> dict[str, str]:
        """All lists of a profile, without the prefix, with the tag category of each."""
        return dict(LISTS) | {plural(one): one for one in sorted(self.categories) if one not in LISTS.values()}

    @property
    def seen_lists(self) -> dict[str, str]:
        """The lists of tags seen only in pictures, without the prefix, with the tag category of each."""
        return self._all_seen_lists if self.seen == "separate" else {}

    @property
    def every(self) -> tuple[str, ...]:
        """
        All properties that a profile may have, sorted.

        Includes the lists of seen tags whatever `seen` is: a profile keeps those it got before the setting changed.
        """
        return tuple(sorted(self._own | self.aliases.keys()))

    @property
    def _own(self) -> set[str]:
        return {self.prefix + name for name in (*self.lists, *self._all_seen_lists, "version", "updated_at")}

    @property
    def _all_seen_lists(self) -> dict[str, str]:
        return {SEEN + name: category for name, category in self.lists.items() if category in SEEABLE}

    def of_category(self, category: str) -> str | None:
        """Return the property that lists a category's tags; None if there is none."""
        return next((self.prefix + name for name, one in self.lists.items() if one == category), None)

    @property
    def version(self) -> str:
        """Name of the property that counts the changes."""
        return f"{self.prefix}version"

    @property
    def updated_at(self) -> str:
        """Name of the property with the time of the newest upload."""
        return f"{self.prefix}updated_at"


DEFAULT_NAMES: Final = PropertyNames()


def plural(category: str) -> str:
    """Return the name of the list for a category: `v-neck` is one of the `styles`."""
    name = category.replace("-", "_")
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
