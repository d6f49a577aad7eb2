"""Compares the end of a schedule with what the plain fold of all its uploads says. Changes nothing."""

from klaviyo_sink.profile.style import StyleProfile, contribution, fold
from klaviyo_sink.profile.wording import DEFAULT_WORDING


def check_end(world):
    """Klaviyo ends with the plain fold, every upload in effect once, and nothing of the forgotten."""
    assert not world.dead, world.dead
    assert not world.watch.faults, world.watch.faults
    current = world.database.current(world.shoppers)
    unsettled = world.database.unsettled() - world.interrupted
    assert not unsettled, f"{unsettled} stay dirty"
    for shopper in world.shoppers:
        profiles = [world.klaviyo.profiles[one] for one in world.names(shopper) if one in world.klaviyo.profiles]
        kept = [one for one in profiles if one.properties or one.events]
        if shopper in world.forgotten:
            assert not kept, f"{shopper} came back"
            continue
        events = world.published[shopper]
        assert len(kept) == bool(events), f"{shopper} has {len(kept)} profiles"
        if events:
            version = kept[0].properties["outfit_version"]
            assert version == current[shopper].version >= world.restored[shopper], f"{shopper} has version {version}"
            whole = fold(StyleProfile(), map(contribution, events))
            wanted = DEFAULT_WORDING.properties(whole, version)
            plain = {name: list(one) if isinstance(one, tuple) else one for name, one in wanted.items()}
            assert kept[0].properties == plain, f"{shopper} is not what the fold says"
            assert sorted(kept[0].events.values()) == sorted({event.upload_id for event in events})
