"""Joining and leaving lists."""

from klaviyo_sink.sandbox.account.account import Account
from klaviyo_sink.sandbox.account.groups import StoredList
from klaviyo_sink.sandbox.account.profiles import StoredProfile


def join(account: Account, group: StoredList, profile: StoredProfile) -> bool:
    """Add a person to a list; return whether they were new on it."""
    if profile.id in group.members:
        return False
    group.members[profile.id] = account.now()
    group.updated = account.now()
    return True
