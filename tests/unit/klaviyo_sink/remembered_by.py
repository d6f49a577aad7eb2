"""What a state database remembers of a shopper, in whichever form it is stored."""

from sqlalchemy import select

from klaviyo_sink.profile.style import Contribution, StyleProfile
from klaviyo_sink.state.memory import read_profile
from klaviyo_sink.state.remembered import all_uploads
from klaviyo_sink.state.tables import style_profiles


def remembered_by(state, shopper_id="s1"):
    """Return the shopper's remembered uploads."""
    with state._engine.connect() as connection:
        stored = connection.execute(select(style_profiles.c.profile).where(style_profiles.c.shopper_id == shopper_id))
        profile = read_profile(stored.scalar_one())
        if isinstance(profile, StyleProfile):
            return profile
        texts = all_uploads(connection, {shopper_id})[shopper_id]
    return StyleProfile(tuple(sorted(map(Contribution.read, texts))))
