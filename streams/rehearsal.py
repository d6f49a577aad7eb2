"""What the sync stage would send for one upload: the real sink, with nothing behind it."""

from collections.abc import Callable

from klaviyo_sink.api.errors import Failure
from klaviyo_sink.dry_run import DryRun
from klaviyo_sink.sink import Written
from schemas.events import OutfitTagged
from streams.settings import Settings
from streams.wiring import make_sink


async def rehearse(
    settings: Settings, tagged: OutfitTagged, show: Callable[[str, bytes], None], *, ledger: bool
) -> Written | Failure:
    """
    Show each request that would be sent, and its body; answer what would come of it if Klaviyo took it.

    With `ledger`, an upload that Klaviyo has is not shown: it would not be sent again.

    Raises:
        ValueError: the state database cannot be opened, or a setting cannot be used.

    """
    sink = await make_sink(settings, dry_run=DryRun(show, ledger=ledger))
    try:
        return await sink.sync(tagged)
    finally:
        await sink.aclose()
