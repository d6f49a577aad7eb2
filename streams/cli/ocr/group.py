"""`hangtag ocr`: runs an OCR worker or its model server, or reads photos once."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from streams.cli.support.boundary import UNUSABLE, CommandError
from streams.cli.support.listen import check_exposure, listen
from streams.cli.support.serve_http import check_tls, serve_http
from streams.cli.support.terminal import json_line

if TYPE_CHECKING:
    from ocr_worker.config import OcrConfig
    from ocr_worker.engines.protocol import AnyEngine
    from ocr_worker.result import Reading, Refused
    from ocr_worker.server.request import Fetch
    from schemas.outcomes import Later, Misconfigured
    from schemas.spans import Spans
    from streams.config.settings import Settings

app = typer.Typer(no_args_is_help=True, help=__doc__)

EngineName = Literal["rapid", "hunyuan", "paddle-vl", "scripted"]
EngineOption = Annotated[
    EngineName | None, typer.Option("--engine", help="The OCR engine. Default: HANGTAG_OCR_ENGINE.")
]


@app.command()
def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default: HANGTAG_OCR_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="0 picks a free one. Default: HANGTAG_OCR_PORT.")] = None,
    engine: EngineOption = None,
    by_uri: Annotated[
        bool,
        typer.Option(
            "--by-uri", help="Also read photos in HANGTAG_STORE_URL by image_uri. Default: HANGTAG_OCR_BY_URI."
        ),
    ] = False,
    tls_cert: Annotated[Path | None, typer.Option(help="PEM chain, for HTTPS. Default: HANGTAG_OCR_TLS_CERT.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key. Default: HANGTAG_OCR_TLS_KEY.")] = None,
) -> None:
    """Run an OCR worker: POST /ocr, /healthz, /readyz, /metrics. Ctrl-C finishes requests in flight, then stops it."""
    from ocr_worker.server.app import create_app
    from ocr_worker.server.heap import keep_freed_memory
    from ocr_worker.watchdog import WATCHDOG
    from streams.config.settings import Settings
    from streams.telemetry.logs import set_up_logs
    from streams.wiring.look import make_looker

    settings = Settings()
    cert, key = tls_cert or settings.ocr_tls_cert, tls_key or settings.ocr_tls_key
    check_tls(cert, key, "HANGTAG_OCR_TLS_CERT")
    address = host or settings.ocr_host
    check_exposure("ocr", address, settings, has_token=settings.ocr_token is not None)
    fetch = _fetch(settings, by_uri=by_uri or settings.ocr_by_uri)
    set_up_logs(settings)
    keep_freed_memory()
    spans = _spans(settings)
    reads_with, looker = _engine(engine or settings.ocr_engine, settings), make_looker(settings)
    listener, url = listen(address, settings.ocr_port if port is None else port, "https" if cert else "http")
    config = _config(settings)
    # Only this command starts the watchdog, which may end the process: an app in a test must not end the test runner.
    WATCHDOG.start(config.photo_limit_s)
    worker = create_app(
        config,
        reads_with,
        on_ready=lambda: print(f"OCR worker ready on {url}", flush=True),
        fetch=fetch,
        spans=spans,
        looker=looker,
    )
    serve_http(worker, listener, cert=cert, key=key, drain_s=settings.drain_s)
    spans.close()


@app.command()
def read(
    *,
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...", exists=True, dir_okay=False)],
    engine: EngineOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per photo.")] = False,
) -> None:
    """Read photos and print their lines, and what a look shows if one is set up. Exits 1 if a photo was refused."""
    from ocr_worker.result import Reading
    from streams.config.settings import Settings
    from streams.wiring.look import make_looker

    settings = Settings()
    reads_with, looker = _engine(engine or settings.ocr_engine, settings), make_looker(settings)

    async def each() -> bool:
        from ocr_worker.reader import Reader

        reader = Reader(reads_with, _config(settings), looker=looker)
        try:
            # One more than the slots, so that the next photo is decoded while the others are read.
            ahead = asyncio.Semaphore(settings.ocr_slots + 1)

            async def one(photo: Path) -> "Reading | Refused | Later | Misconfigured":
                async with ahead:
                    return await reader.read(await asyncio.to_thread(photo.read_bytes))

            tasks = [asyncio.create_task(one(photo)) for photo in photos]
            sound = True
            for photo, task in zip(photos, tasks, strict=True):
                outcome = await task
                sound = sound and isinstance(outcome, Reading)
                (_print_json if as_json else _print_table)(photo, outcome)
            return sound
        finally:
            await reader.aclose()
            await reads_with.aclose()
            if looker is not None:
                await looker.aclose()

    if not asyncio.run(each()):
        raise typer.Exit(1)


@app.command()
def vllm(
    *,
    engine: Annotated[Literal["hunyuan", "paddle-vl"], typer.Option(help="Engine whose model to serve.")] = "hunyuan",
    model: Annotated[str | None, typer.Option(help="A Hugging Face name, or a folder with the weights.")] = None,
    revision: Annotated[
        str | None, typer.Option(help="Commit of the weights. Default for hunyuan: the pinned one.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address vLLM listens on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port vLLM listens on; one per GPU.")] = 8100,
    batch: Annotated[int, typer.Option(min=1, help="Photos in one batch.")] = 32,
    memory: Annotated[float, typer.Option(min=0.05, max=0.99, help="Share of the GPU's memory to use.")] = 0.9,
    executable: Annotated[str, typer.Option("--vllm", help="The vllm command, from an environment of its own.")] = (
        "vllm"
    ),
    execute: Annotated[bool, typer.Option("--exec", help="Run the server instead of printing the command.")] = False,
) -> None:
    """Print the command that serves an engine's model on vLLM, or run it (--exec). Rejects releases that mix photos."""
    import shlex

    from ocr_worker.engines.hunyuan import serve as hunyuan
    from ocr_worker.engines.paddle_vl import serve as paddle_vl
    from ocr_worker.engines.vllm.command import VllmServe
    from ocr_worker.engines.vllm.releases import ADVICE

    served = hunyuan if engine == "hunyuan" else paddle_vl
    pinned = hunyuan.REVISION if engine == "hunyuan" else ""
    wanted = VllmServe(model or served.MODEL, revision or pinned, host, port, batch, memory)
    try:
        command = served.vllm_serve(wanted, executable)
    except ValueError as error:
        raise CommandError(str(error), UNUSABLE) from None
    typer.echo(served.LICENCE, err=True)
    if execute:
        _become_vllm(command)
    typer.echo(f"{ADVICE} in an environment of its own, and set VLLM_API_KEY to HANGTAG_OCR_VLLM_KEY", err=True)
    print(shlex.join(command))


def _become_vllm(command: list[str]) -> NoReturn:
    import os
    import shutil

    from ocr_worker.engines.vllm.releases import ADVICE, fault_of
    from streams.config.settings import Settings, child_environment

    key, environment = Settings().ocr_vllm_key, child_environment()
    if key is not None:
        environment["VLLM_API_KEY"] = key.get_secret_value()
    if not environment.get("VLLM_API_KEY"):
        raise CommandError(
            "set HANGTAG_OCR_VLLM_KEY: without a key, anybody who reaches the server can use it", UNUSABLE
        )
    version = _last_line(command[0], "--version").rpartition(" ")[2]
    beside = Path(shutil.which(command[0]) or command[0]).with_name("python")
    asks = "from importlib.metadata import version; print(version('transformers'))"
    transformers = _last_line(str(beside), "-c", asks) if beside.exists() else None
    fault = fault_of(version, transformers or None)
    if fault is not None:
        raise CommandError(f"{fault}; {ADVICE}")
    os.execvpe(command[0], command, environment)  # noqa: S606 - becoming the server is what --exec is for


def _last_line(*command: str) -> str:
    """Run a program and return the last line of its output; empty if it has none."""
    import subprocess

    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the operator names the program
    except OSError as error:
        raise CommandError(
            f"Cannot run {command[0]}: {error.strerror}. vLLM needs an environment of its own."
        ) from None
    return ran.stdout.strip().rpartition("\n")[2]


def _engine(name: EngineName, settings: "Settings") -> "AnyEngine":
    if name == "scripted":
        from ocr_worker.engines.scripted import ScriptedEngine

        return ScriptedEngine()
    if name == "hunyuan":
        from ocr_worker.engines.hunyuan.engine import HunyuanConfig
        from ocr_worker.engines.hunyuan.serve import REVISION
        from ocr_worker.engines.vllm.engine import VllmEngine

        revision = settings.ocr_vllm_revision or REVISION
        return VllmEngine(HunyuanConfig(settings.ocr_vllm_url, settings.ocr_vllm_key, revision=revision))
    if name == "paddle-vl":
        from ocr_worker.engines.paddle_vl.engine import PaddleVlConfig
        from ocr_worker.engines.vllm.engine import VllmEngine

        config = PaddleVlConfig(settings.ocr_vllm_url, settings.ocr_vllm_key)
        known = settings.ocr_vllm_revision
        return VllmEngine(replace(config, revision=known) if known else config)
    try:
        from ocr_worker.engines.rapid.engine import RapidEngine
    except ModuleNotFoundError as error:
        raise CommandError(f"The rapid engine needs {error.name}: install hangtag[cpu]") from None
    try:
        return RapidEngine(
            settings.ocr_slots,
            lift=settings.ocr_lift_contrast,
            look_closer=settings.ocr_look_closer,
            most_tiles=settings.ocr_max_tiles,
            detector=settings.ocr_detector,
            recognizer=settings.ocr_recognizer,
            further_models=settings.ocr_extra_models,
            tesseract=settings.ocr_tesseract,
        )
    except ValueError as error:
        raise CommandError(str(error), UNUSABLE) from None


def _spans(settings: "Settings") -> "Spans":
    from streams.telemetry.spans import make_spans

    return make_spans(settings, "ocr")


def _fetch(settings: "Settings", *, by_uri: bool) -> "Fetch | None":
    from streams.wiring.ocr import make_fetch

    try:
        return make_fetch(settings, by_uri=by_uri)
    except ValueError as error:
        raise CommandError(str(error), UNUSABLE) from None


def _config(settings: "Settings") -> "OcrConfig":
    from ocr_worker.config import OcrConfig
    from ocr_worker.images.decode import Limits

    limits = Limits(settings.photo_max_bytes, settings.photo_max_pixels, settings.photo_long_side)
    return OcrConfig(settings.ocr_slots, settings.ocr_queue, limits, settings.ocr_token)


def _print_json(photo: Path, outcome: "Reading | Refused | Later | Misconfigured") -> None:
    from ocr_worker.result import Reading, Refused

    shown: dict[str, object] = {"photo": photo.name}
    if isinstance(outcome, Reading):
        shown |= outcome.model_dump(mode="json")
    else:
        code = outcome.code if isinstance(outcome, Refused) else outcome.reason
        shown["refused"] = {"code": code, "message": outcome.message}
    print(json_line(shown), flush=True)


def _print_table(photo: Path, outcome: "Reading | Refused | Later | Misconfigured") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from ocr_worker.result import Reading

    console = Console()
    if not isinstance(outcome, Reading):
        console.print(f"[bold]{escape(photo.name)}[/]  [red]refused[/]: {escape(outcome.message)}")
        return
    quality, image = outcome.quality, outcome.image
    table = Table(title=f"{escape(photo.name)}  {image.width} x {image.height}", title_justify="left")
    table.add_column("line")
    table.add_column("score", justify="right")
    table.add_column("box", justify="right")
    for line in outcome.texts:
        table.add_row(escape(line.text), f"{line.score:.2f}", " ".join(map(str, line.bbox)))
    for value in outcome.seen.values if outcome.seen is not None else ():
        table.add_row(f"[italic]seen[/] {value.tag}", f"{value.score:.2f}", " ".join(map(str, value.bbox)))
    console.print(table)
    hint = f"  {quality.hint}" if quality.hint else ""
    console.print(
        f"{quality.verdict}{hint}  (sharpness {quality.sharpness:.0f}, {outcome.timings_ms['total']:.0f} ms,"
        f" {outcome.engine.model})\n"
    )
