"""A Faust agent as its guide shows it, each send awaited until delivered."""

import sys
import tempfile

import faust
from job import BOOTSTRAP, GROUP, SOURCE, TARGET, work

app = faust.App(
    GROUP,
    broker=f"kafka://{BOOTSTRAP}",
    value_serializer="raw",
    web_enabled=False,
    topic_allow_declare=False,
    topic_disable_leader=True,
    datadir=tempfile.mkdtemp(),
)
source, target = app.topic(SOURCE, value_type=bytes), app.topic(TARGET, value_type=bytes)


@app.agent(source)
async def read(stream: faust.Stream) -> None:
    """Work and send, one after the other."""
    async for event in stream.events():
        key, value, headers = work(event.value)
        await (await target.send(key=key, value=value, headers=headers))


sys.argv[1:] = []
faust.Worker(app, loglevel="error").execute_from_commandline()
