"""Photos are read from our own folder, and from nowhere else."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from obstore.exceptions import GenericError
from obstore.store import LocalStore

from schemas.outcomes import Later, Never
from schemas.producer import AlreadyStored
from streams.photos.store import PhotoStore, TooLarge


@pytest.fixture
def store(tmp_path):
    return PhotoStore(f"file:{tmp_path / 'photos 照片'}", max_bytes=100)


@pytest.mark.parametrize("shopper", ["s1", "张三", "a b", "../../etc", "a/b", "%2e%2e", ".", "x" * 60, "=41"])
async def test_a_photo_comes_back_as_it_was_stored(store, shopper):
    uri = await store.put(shopper_id=shopper, upload_id="u/1", suffix=".JPG", photo=b"bytes")
    assert await store.get(uri) == b"bytes"
    assert uri.isascii()


async def test_shoppers_whose_ids_look_alike_do_not_share_a_folder(store):
    one = await store.put(shopper_id="a/b", upload_id="u", suffix=".jpg", photo=b"1")
    two = await store.put(shopper_id="a=2Fb", upload_id="u", suffix=".jpg", photo=b"2")
    assert one != two
    assert await store.get(one) == b"1"


async def test_the_same_upload_stored_twice_is_one_object(store):
    first = await store.put(shopper_id="s", upload_id="u", suffix=".jpg", photo=b"1")
    again = await store.put(shopper_id="s", upload_id="u", suffix=".jpg", photo=b"1")
    assert again == AlreadyStored(first)


@pytest.mark.parametrize("size", [1, 1000], ids=["small", "too large to be read"])
async def test_a_photo_is_never_overwritten_by_another(store, size):
    uri = await store.put(shopper_id="s", upload_id="u", suffix=".jpg", photo=b"1")
    answer = await store.put(shopper_id="s", upload_id="u", suffix=".jpg", photo=b"2" * size)
    assert (answer.reason, await store.get(uri)) == ("other-photo", b"1")


async def test_a_try_after_midnight_finds_the_photo_of_the_try_before(tmp_path):
    times = iter([datetime(2026, 11, 30, 23, 59, tzinfo=UTC), *[datetime(2026, 12, 1, tzinfo=UTC)] * 2])
    store = PhotoStore(f"file:{tmp_path}", max_bytes=100, now=lambda: next(times))
    uri = await store.put(shopper_id="s", upload_id="u", suffix=".jpg", photo=b"1")
    assert uri.endswith("/uploads/by.day/2026-11-30/s/u.jpg")
    assert await store.put(shopper_id="s", upload_id="u", suffix=".jpg", photo=b"1") == AlreadyStored(uri)
    other = await store.put(shopper_id="s", upload_id="u", suffix=".jpg", photo=b"2")
    assert (other.reason, await store.get(uri)) == ("other-photo", b"1")


@pytest.mark.parametrize("apart", [timedelta(minutes=59), timedelta(minutes=-59)], ids=["ahead", "behind"])
async def test_two_machines_with_different_clocks_store_an_upload_once_around_midnight(tmp_path, apart):
    midnight = datetime(2026, 12, 1, tzinfo=UTC)
    for minutes in range(-60, 61, 20):
        at = midnight + timedelta(minutes=minutes)
        stores = [PhotoStore(f"file:{tmp_path}", max_bytes=100, now=lambda now=now: now) for now in (at + apart, at)]
        upload = {"shopper_id": "s", "upload_id": f"u{minutes}", "suffix": ".jpg", "photo": b"1"}
        uri = await stores[0].put(**upload)
        assert await stores[1].put(**upload) == AlreadyStored(uri)


class SilentHead(LocalStore):
    """Answers no HEAD, as a bucket that is overloaded."""

    async def head_async(self, _path: str) -> None:
        raise GenericError("Server returned non-2xx status code: 503 Service Unavailable: ")


class Silent(SilentHead):
    """Answers neither HEAD nor GET."""

    async def get_async(self, path: str, **_options: object) -> None:
        await self.head_async(path)


async def test_an_upload_is_not_stored_again_while_the_store_does_not_say_whether_it_has_it(tmp_path, monkeypatch):
    times = iter([datetime(2026, 11, 30, 12, tzinfo=UTC), *[datetime(2026, 12, 1, 12, tzinfo=UTC)] * 3])
    upload = {"shopper_id": "s", "upload_id": "u", "suffix": ".jpg", "photo": b"1"}

    def opened() -> PhotoStore:
        return PhotoStore(f"file:{tmp_path}", max_bytes=100, now=lambda: next(times))

    uri = await opened().put(**upload)
    monkeypatch.setattr("streams.photos.store.LocalStore", Silent)
    assert (await opened().put(**upload)).reason == "store-unreachable"
    monkeypatch.setattr("streams.photos.store.LocalStore", SilentHead)
    assert await opened().put(**upload) == AlreadyStored(uri)
    assert isinstance(await opened().put(**upload | {"upload_id": "new"}), str)


async def test_of_many_writers_at_once_one_photo_is_kept_and_the_others_get_a_failure(store):
    photos = [b"%d" % (at % 2) for at in range(20)]
    answers = await asyncio.gather(
        *(store.put(shopper_id="s", upload_id="u", suffix=".jpg", photo=photo) for photo in photos)
    )
    [uri] = [answer for answer in answers if isinstance(answer, str)]
    kept = await store.get(uri)
    for photo, answer in zip(photos, answers, strict=True):
        assert answer in (uri, AlreadyStored(uri)) if photo == kept else answer.reason == "other-photo"


ODD = ["a\tb.jpg", "a\nb", "a\\b", "\udcff.jpg", "u.jpg#1"]


@pytest.mark.parametrize("name", ODD)
async def test_files_of_any_name_are_listed_and_removed(store, tmp_path, name):
    uri = await store.put(shopper_id="s", upload_id="u", suffix=".jpg", photo=b"1")
    folder = Path(unquote(urlsplit(uri).path)).parent
    (folder / "deeper").mkdir()
    (folder / "deeper" / name).write_bytes(b"22")
    found = [
        one for some in [some async for some in store.find(f"uploads/by.day/{folder.parent.name}/s")] for one in some
    ]
    assert sorted(one.size for one in found) == [1, 2]
    await store.remove_all(found)
    assert not folder.exists()
    # Once more: a missing object counts as removed.
    await store.remove_all(found)


async def test_ids_that_make_too_long_a_name_are_a_failure_for_the_producer(store):
    answer = await store.put(shopper_id="张" * 29, upload_id="u", suffix=".jpg", photo=b"1")
    assert isinstance(answer, Never)
    assert answer.reason == "invalid-upload"


async def test_a_missing_photo_is_worth_a_few_tries(store):
    uri = await store.put(shopper_id="s", upload_id="u", suffix=".jpg", photo=b"1")
    answer = await store.get(uri.replace("/u.jpg", "/v.jpg"))
    assert isinstance(answer, Later)
    assert (answer.reason, answer.tries) == ("photo-missing", 4)


async def test_a_photo_with_too_many_bytes_is_not_read(store):
    uri = await store.put(shopper_id="s", upload_id="u", suffix=".jpg", photo=b"x" * 101)
    assert await store.get(uri) == TooLarge(101)


@pytest.mark.parametrize(
    "uri",
    [
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data",
        "{base}/../secret.txt",
        "{base}/uploads/../../secret.txt",
        "{base}/%2e%2e/secret.txt",
        "{base}/uploads//secret.txt",
        "{base}/uploads/no%0Aname",
        "{base}/uploads/no%7Fname",
        "{base}/uploads/" + "x" * 256,
        "{base}",
        "{base}x/y",
        "",
    ],
)
async def test_nothing_outside_the_store_is_read(tmp_path, uri):
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "photos"
    store = PhotoStore(f"file:{folder}", max_bytes=100)
    answer = await store.get(uri.format(base=folder.as_uri()))
    assert isinstance(answer, Never)
    assert answer.reason == "photo-not-ours"


@pytest.mark.parametrize("length", range(244, 258))
async def test_a_name_is_stored_or_refused_and_never_tried_again(store, length):
    answer = await store.put(shopper_id="s", upload_id="u" * (length - 4), suffix=".jpg", photo=b"1")
    assert isinstance(answer, str if length <= 250 else Never)


async def test_a_link_out_of_the_store_leads_nowhere(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    store = PhotoStore(f"file:{tmp_path / 'photos'}", max_bytes=100)
    (tmp_path / "photos" / "link").symlink_to(tmp_path / "secret.txt")
    assert await store.get(f"{(tmp_path / 'photos').as_uri()}/link") != b"secret"


async def test_a_bucket_that_does_not_answer_is_an_outage_and_no_fault_of_the_event(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted")
    answer = await PhotoStore("s3://bucket/photos", max_bytes=100).get("s3://bucket/photos/uploads/s/u.jpg")
    assert isinstance(answer, Later)
    assert (answer.reason, answer.tries) == ("store-unreachable", None)
    assert "planted" not in answer.message


#: The thread that brings an answer dawdles, and the interpreter takes its time to go: without luck, then.
ENDS_AT_ONCE = """
import asyncio, sys, time
from asyncio.selector_events import BaseSelectorEventLoop
from streams.photos.store import PhotoStore

wake = BaseSelectorEventLoop._write_to_self
BaseSelectorEventLoop._write_to_self = lambda loop: (wake(loop), time.sleep(0.2))

class Lasting:
    def __del__(self, sleep=time.sleep):
        sleep(0.4)

sys.modules["lasting"] = Lasting()
store = PhotoStore(sys.argv[1], max_bytes=100)
asyncio.run(store.put(shopper_id="s", upload_id="u", suffix=".jpg", photo=b"x"))
"""


def test_a_process_may_end_right_after_the_stores_last_answer(tmp_path):
    ended = subprocess.run([sys.executable, "-c", ENDS_AT_ONCE, f"file:{tmp_path}"], check=False)
    assert ended.returncode == 0
