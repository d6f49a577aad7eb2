"""The processes of each image, as Python that imports and builds what they do, and serves nothing."""

STAGE = """
import asyncio
import streams.cli.main, streams.runtime.process
from streams.config.settings import Settings
from streams.wiring import stages
from streams.wiring.assembly import assemble
asyncio.run(assemble(getattr(stages, "{}")(Settings()), emitter=object()))
"""
SERVER = """
import streams.cli.main
from {} import create_app
"""
OCR = """
import streams.cli.main
import ocr_worker.server.app, ocr_worker.reader
from streams.cli.ocr.group import _engine
from streams.config.settings import Settings
_engine("{}", Settings())
"""
#: By the target of the Dockerfile.
PROCESSES = {
    "streams": [
        *(STAGE.format(name) for name in ("recognize", "tag", "sync", "notifications")),
        *(SERVER.format(name) for name in ("streams.gateway.app", "klaviyo_sink.sandbox.app")),
        "import streams.cli.main, streams.lag.exporter, klaviyo_sink.account.canary, streams.operations.doctor",
    ],
    "ocr-gpu": [OCR.format("hunyuan"), OCR.format("paddle-vl")],
    "ocr-cpu": [OCR.format("rapid")],
    "ui": [OCR.format("rapid") + "\nimport ocr_worker.ui.page, streams.cli.ocr.ui"],
}


def settings(folder: str) -> dict[str, str]:
    """Return the settings that the processes need to be built, with their files in the folder."""
    return {
        "store_url": f"file:{folder}/photos",
        "state_url": f"sqlite:///{folder}/state.db",
        "klaviyo_key": "pk_none",
        "notifications_topic": "shop.bucket-events",
    }
