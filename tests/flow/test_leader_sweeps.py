"""The recognize stage, as a process: while it holds the first partition of uploads, old photos go."""

import asyncio
import os
from pathlib import Path

from sync_process import running

from streams.config.settings import Settings
from streams.photos.store import PhotoStore


async def test_the_process_that_holds_the_first_partition_deletes_old_photos(broker, tmp_path):
    url, log = f"file:{tmp_path / 'photos'}", tmp_path / "log"
    store = PhotoStore(url, max_bytes=100)
    old, new = [
        Path((await store.put(shopper_id="s1", upload_id=upload_id, suffix=".jpg", photo=b"photo"))[len("file://") :])
        for upload_id in ("old", "new")
    ]
    os.utime(old, (1, 1))
    settings = Settings(bootstrap_servers=broker.address)
    changed = {
        "bootstrap_servers": settings.bootstrap_servers,
        "store_url": url,
        "state_url": f"sqlite:///{tmp_path}/s",
    }
    with running(log, "worker", "recognize", **changed) as process:
        async with asyncio.timeout(60):
            while old.exists():
                assert process.poll() is None, log.read_text()
                await asyncio.sleep(0.2)
    assert new.exists()
    assert process.returncode == 0
