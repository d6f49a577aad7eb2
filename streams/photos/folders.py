"""Names the parts of the store that belong to Hangtag: its own folders, and photos whose keys match a template."""

from dataclasses import dataclass
from typing import Final

from streams.config.settings import Settings, UnusableError
from streams.photos.bucket.events import KeyTemplate
from streams.photos.bucket.rules import Bucket
from streams.photos.keys import BY_DAY, READ, UPLOADS

#: Folders of the store that belong to Hangtag with everything in them.
_WHOLE: Final = (f"{READ}/", f"{UPLOADS}/")
#: Folders in which Hangtag alone writes. The notifications stage ignores what a bucket reports about them.
_IGNORED: Final = (f"{READ}/", f"{BY_DAY}/")


@dataclass(frozen=True, slots=True)
class Folder:
    """A part of the store with photos or marks: a whole folder, or the keys in it that match a template."""

    #: Beginning of each key: `uploads/`, or `photos-`; empty if it may be any.
    start: str
    template: KeyTemplate | None = None
    #: The store's prefix in its bucket, because templates describe whole keys.
    prefix: str = ""

    @property
    def name(self) -> str:
        """The folder to list; empty for the whole store."""
        return self.start.rpartition("/")[0]

    def holds(self, key: str) -> bool:
        """Return whether a key is a photo or a mark, as opposed to a file of others."""
        if self.template is None:
            return True
        return self.template.matches(f"{self.prefix}{key}") and not key.startswith(_WHOLE)


def photo_template(settings: Settings) -> KeyTemplate:
    """
    Return the form of the keys of photos that a shop stores itself (HANGTAG_NOTIFICATIONS_KEY).

    Raises:
        UnusableError: It is not a template, or its photos would be in a folder whose notifications are ignored.

    """
    try:
        template = KeyTemplate(settings.notifications_key)
    except ValueError as error:
        raise UnusableError(f"HANGTAG_NOTIFICATIONS_KEY: {error}") from None
    ours = tuple(f"{_prefix(settings)}{folder}" for folder in _IGNORED)
    if template.start.startswith(ours):
        raise UnusableError(
            f"HANGTAG_NOTIFICATIONS_KEY must not begin with {' or '.join(ours)}, where Hangtag stores its own objects"
        )
    return template


def swept_folders(settings: Settings) -> tuple[Folder, ...]:
    """
    Return the parts of the store with photos or marks; nothing that belongs to others.

    Raises:
        UnusableError: Notifications are on, and HANGTAG_NOTIFICATIONS_KEY cannot be used.

    """
    whole = tuple(Folder(start) for start in _WHOLE)
    if settings.notifications_topic is None:
        return whole
    template, prefix = photo_template(settings), _prefix(settings)
    if not (template.start.startswith(prefix) or prefix.startswith(template.start)):
        # Photos elsewhere in the bucket do not belong to this store: no stage reads them either.
        return whole
    start = template.start[len(prefix) :]
    return whole if start.startswith(_WHOLE) else (*whole, Folder(start, template, prefix))


def _prefix(settings: Settings) -> str:
    """Return the store's prefix in its bucket: empty, or ending with a slash."""
    bucket = Bucket.of(settings.store_url)
    return bucket.prefix if bucket is not None else ""
