"""Which parts of the store belong to Hangtag, and which templates of keys it refuses."""

import pytest

from streams.config.settings import Settings, UnusableError
from streams.photos.folders import swept_folders
from streams.wiring import stages


@pytest.mark.parametrize(
    ("key", "folders"),
    [
        ("uploads/{shopper_id}/{upload_id}.{ext}", ()),
        ("app/{shopper_id}/photos/{upload_id}.{ext}", ("app",)),
        ("uploads/app/{shopper_id}/{upload_id}.{ext}", ()),
        ("photos-{shopper_id}/{upload_id}.{ext}", ("",)),
        ("{shopper_id}/{upload_id}.{ext}", ("",)),
    ],
)
def test_photos_from_a_buckets_notifications_are_swept_in_their_folder(key, folders):
    found = swept_folders(Settings(notifications_topic="s3", notifications_key=key))
    assert tuple(one.name for one in found) == ("read", "uploads", *folders)


@pytest.mark.parametrize(
    ("key", "starts"),
    [
        ("shop/photos/{shopper_id}/{upload_id}.{ext}", ("photos/",)),
        ("shop/uploads/{shopper_id}/{upload_id}.{ext}", ()),
        ("{tenant}/{shopper_id}/{upload_id}.{ext}", ("",)),
        ("elsewhere/{shopper_id}/{upload_id}.{ext}", ()),
    ],
)
def test_a_template_matches_the_whole_key_and_a_folder_is_below_the_stores_url(key, starts):
    settings = Settings(store_url="s3://photos/shop", notifications_topic="s3", notifications_key=key)
    assert tuple(one.start for one in swept_folders(settings)) == ("read/", "uploads/", *starts)


def test_an_invalid_key_template_is_reported():
    with pytest.raises(UnusableError, match="HANGTAG_NOTIFICATIONS_KEY"):
        swept_folders(Settings(notifications_topic="s3", notifications_key="uploads/{upload_id}"))


@pytest.mark.parametrize("plan", [swept_folders, stages.notifications])
@pytest.mark.parametrize("start", ["read/", "uploads/by.day/", "uploads/by.day/{day}/"])
def test_a_template_in_a_folder_of_hangtags_own_is_refused(plan, start):
    for store_url, prefix in (("s3://photos", ""), ("s3://photos/shop", "shop/")):
        key = f"{prefix}{start}{{shopper_id}}/{{upload_id}}.{{ext}}"
        settings = Settings(store_url=store_url, notifications_topic="s3", notifications_key=key)
        with pytest.raises(UnusableError, match=r"^HANGTAG_NOTIFICATIONS_KEY must not begin with") as refused:
            plan(settings)
        assert f"{prefix}uploads/by.day/" in str(refused.value)
