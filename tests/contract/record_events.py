"""
Run the whole chain once and keep one real event of each kind in schemas/examples/. Run by hand for a new version.

    python tests/contract/record_events.py samples/photos/one.jpg samples/photos/blurry.jpg …

Kept files are never written over: they replay through every later version (test_stored_events.py).
"""

import asyncio
import json
import sys
from pathlib import Path

from schemas.events import EVENTS
from schemas.topics import topics
from streams.kafka.reader import follow
from streams.operations.demo import feed, running, watch

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"


async def main(photos: list[Path]) -> None:
    """Feed the photos, wait for what comes of them, and keep the first event of each kind."""
    async with running(print) as chain:
        uploads = await feed(chain, photos, lambda: None)
        journeys = await watch(chain, uploads, limit_s=180, tell=lambda _ended: None)
        print({uploads[upload].name: journey.outcome for upload, journey in journeys.items()})
        for topic in topics().all():
            if topic.event not in EVENTS:
                continue
            path = EXAMPLES / f"{topic.event.ce_type}.json"
            seen = list(follow(chain.settings, [topic.name]))
            if path.exists() or not seen:
                print("kept already" if path.exists() else "none seen", path.name)
                continue
            first = seen[0]
            message = {
                "topic": first.topic,
                "key": (first.key or b"").decode(),
                "headers": {name: (value or b"").decode() for name, value in first.headers},
                "value": json.loads(first.value or b""),
            }
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(message, indent=2, ensure_ascii=False) + "\n")
            print("kept", path.name)


if __name__ == "__main__":
    asyncio.run(main([Path(name) for name in sys.argv[1:]]))
