"""`hangtag ocr ui`: builds the page from engines, rules and sample photos, and serves it."""

import contextlib
import signal
import tempfile
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.ocr.group import EngineName, EngineOption, _config, _engine
from streams.cli.support.listen import check_exposure, listen

if TYPE_CHECKING:
    import socket

    from ocr_worker.engines.protocol import AnyEngine
    from streams.config.settings import Settings


def ui(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on. Anybody who reaches it can use it.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 picks a free one.")] = 7860,
    engine: EngineOption = None,
) -> None:
    """Serve a page to try photos on: boxes, tags with their evidence, before and after. Needs the extra `ui`."""
    if find_spec("gradio") is None:
        typer.echo(
            "The page needs Gradio: run `make ui`, or pip install 'hangtag[cpu,ui]' in a venv of its own", err=True
        )
        raise typer.Exit(1)

    from streams.config.settings import Settings
    from streams.telemetry.logs import set_up_logs

    settings = Settings()
    set_up_logs(settings)
    check_exposure("page", host, settings)
    # Listen first, because the rest takes seconds.
    listener, url = listen(host, port)
    # Raises KeyboardInterrupt, so that the temporary folder below is deleted.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Gradio asks once for the temporary folder and writes uploads there. Give it one that is deleted at exit.
    with tempfile.TemporaryDirectory(prefix="hangtag-ui-") as tempfile.tempdir, contextlib.suppress(KeyboardInterrupt):
        _serve(listener, url, engine or settings.ocr_engine, settings)


def _serve(listener: "socket.socket", url: str, engine: EngineName, settings: "Settings") -> None:
    import uvicorn

    from ocr_worker.http.bounded_http import bounded_http, own_policy
    from ocr_worker.ui.page import create_page
    from rules.lexicon.load import load_lexicon
    from rules.tagger import Tagger
    from streams.cli.demo import _samples
    from streams.wiring.look import make_looker

    tagger = Tagger(load_lexicon(settings.lexicon))
    page = create_page(
        _config(settings),
        _engines(engine, settings),
        lambda lines, seen: tagger.tag(lines, seen).tags,
        samples=sorted(path for path in _samples().iterdir() if path.is_file()),
        on_ready=lambda: print(f"OCR page ready on {url}", flush=True),
        looker=make_looker(settings),
    )
    # Open pages keep their connections open. One second is enough for the photo being read.
    http = bounded_http(own_policy())
    config = uvicorn.Config(page, http=http, access_log=False, log_config=None, timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])


def _engines(first: EngineName, settings: "Settings") -> "dict[str, AnyEngine]":
    """Create the engines to choose from: the wanted one first, then every other that is installed or configured."""
    names: list[EngineName] = [first]
    if find_spec("rapidocr") is not None:
        names.append("rapid")
    if "ocr_vllm_url" in settings.model_fields_set:
        names.append("hunyuan")
    return {name: _engine(name, settings) for name in dict.fromkeys(names)}
