"""What the properties on a Klaviyo profile are called, and whether they say ids or words. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

#: `ids` are the same in every language (`v-neck`); `en` and `zh` are words for people (`V领`).
Labels = Literal["ids", "en", "zh"]
#: What becomes of tags that only a picture shows: `off` says none, `separate` lists them by themselves (`seen_styles`
#: beside `styles`), `merged` lists them with those that were read.
SeenTags = Literal["off", "separate", "merged"]
#: The lists that every profile has, and the tag category that each holds. All are always sent, empty ones too:
#: Klaviyo keeps what is omitted.
LISTS: Final[Mapping[str, str]] = {
    "materials": "material",
    "styles": "style",
    "categories": "category",
    "interests": "interest",
}

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_ ]{0,63}")


#: Tag categories that a picture may show. The lexicon decides; of these a profile may have a list of its own.
SEEABLE: Final = frozenset({"category", "colour", "pattern", "style", "occasion", "scene"})
#: How the list of seen values begins, after the prefix.
SEEN: Final = "seen_"

#: Lists that a profile may have beyond those: each is sent with every write.
MOST_MORE: Final = 8
_CATEGORY: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class PropertyNames:
    """
    Names of the profile's properties.

    `aliases` are further properties that say the same, by what they hold: `{"preferred_materials": "materials",
    "style_tags": "styles"}`. `categories` are further tag categories that get a list: `("pattern", "colour")`.

    Raises:
        ValueError: a name that is none, an alias for a list that there is not, or too many lists.

    """

    prefix: str = "outfit_"
    aliases: Mapping[str, str] = field(default_factory=dict)
    labels: Labels = "ids"
    categories: tuple[str, ...] = ()
    seen: SeenTags = "separate"

    def __post_init__(self) -> None:
        for category in self.categories:
            if not _CATEGORY.fullmatch(category):
                raise ValueError(f"a tag category is named like 'pattern', not {category!r}")
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
        """All lists of a profile, without the prefix, and the tag category that each holds."""
        return dict(LISTS) | {plural(one): one for one in sorted(self.categories) if one not in LISTS.values()}

    @property
    def seen_lists(self) -> dict[str, str]:
        """The lists of values that only pictures show, without the prefix, and the tag category that each holds."""
        if self.seen != "separate":
            return {}
        return {SEEN + name: category for name, category in self.lists.items() if category in SEEABLE}

    @property
    def every(self) -> tuple[str, ...]:
        """All properties that a profile is ever given, sorted."""
        return tuple(sorted(self._own | self.aliases.keys()))

    @property
    def _own(self) -> set[str]:
        return {self.prefix + name for name in (*self.lists, *self.seen_lists, "version", "updated_at")}

    def of_category(self, category: str) -> str | None:
        """Name the property that lists a category's tags; None: no property does."""
        return next((self.prefix + name for name, one in self.lists.items() if one == category), None)

    @property
    def version(self) -> str:
        """The name of the property that counts the changes."""
        return f"{self.prefix}version"


DEFAULT_NAMES: Final = PropertyNames()


def plural(category: str) -> str:
    """Name a list of a category's values: `v-neck` is one of the `styles`."""
    name = category.replace("-", "_")
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
