"""
The same job as stage_process.py done as Faust's guide shows it, to prove that the loss tests can fail.

HANGTAG_TEST_STAGE=plain makes the tests start this instead.
"""

import asyncio
import sys
from pathlib import Path

import faust

sys.path.insert(0, str(Path(__file__).parent))

from stage_process import recognized

from schemas.codec import decode, encode
from schemas.events import PhotoUploaded
from streams.config.settings import Settings

settings = Settings()
app = faust.App(
    f"{settings.group_prefix}.recognize",
    broker=f"kafka://{settings.bootstrap_servers}",
    value_serializer="raw",
    web_enabled=False,
    store="memory://",
    # As often advised against a stop that hangs: the event it cancels is acknowledged.
    stream_wait_empty=False,
    topic_disable_leader=True,
    broker_session_timeout=settings.session_timeout_s,
    broker_heartbeat_interval=1.0,
    broker_commit_interval=settings.commit_interval_s,
    datadir=str(Path(sys.argv[1]) / "faust"),
)
uploads = app.topic(f"{settings.topic_prefix}.uploads", value_type=bytes)
# State as the guide keeps it: on a clean restart the first messages of a partition are dropped.
counted = app.Table("counted", default=int, partitions=3)  # as conftest.py makes the topics
texts = app.topic(f"{settings.topic_prefix}.texts", value_type=bytes)


# The tests wait for these words of our stage's log.
@app.on_partitions_assigned.connect
async def say_assigned(_app: faust.App, assigned: set[object], **_: object) -> None:
    print(f"assigned partitions={len(assigned)}", flush=True)


@app.agent(uploads, concurrency=4)
async def read(stream: faust.Stream) -> None:
    async for event in stream.events():
        upload = decode(PhotoUploaded, event.value)
        if upload.locale == "bug":
            raise RuntimeError
        if (upload.locale or "").startswith("slow-"):
            try:
                await asyncio.sleep(int((upload.locale or "").removeprefix("slow-")) / 1000)
            except asyncio.CancelledError:
                print("unfinished=1", flush=True)
                raise
        counted[upload.shopper_id] += 1
        value, headers = encode(recognized(upload), source="plain")
        await (await texts.send(key=upload.shopper_id.encode(), value=value, headers=headers))


if __name__ == "__main__":
    faust.Worker(app, loglevel="warning").execute_from_commandline()
