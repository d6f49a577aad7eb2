"""
The page on which a person tries photos: a Gradio layout over `trial` (reads the photo) and `view` (shows it).

Photos stay on this machine, and on its disk only until they are read. The page contacts no other host.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from fastapi import FastAPI
from gradio.utils import get_upload_folder

from ocr_worker.config import OcrConfig
from ocr_worker.engines.protocol import AnyEngine
from ocr_worker.images.decode import Pixels, open_photo, scale_down
from ocr_worker.look.looker import AnyLooker
from ocr_worker.result import Refused
from ocr_worker.ui.messages import WORDS, Language, preferred
from ocr_worker.ui.trial import TagLines, try_photo
from ocr_worker.ui.upload import UploadGuard, take
from ocr_worker.ui.view import Outcome, View, view

_HERE = Path(__file__).parent
_FIRST: Language = "zh"
_THUMBNAIL_SIDE = 240
#: Seconds after which an upload that nobody read is deleted; an upload may have to queue for a while.
_UPLOAD_S = 600
#: Seconds that a result stays in memory, so that it can be shown in another language; closing the page drops it.
_LAST_S = 3600


def create_page(
    config: OcrConfig,
    engines: Mapping[str, AnyEngine],
    tag: TagLines,
    samples: Sequence[Path] = (),
    *,
    on_ready: Callable[[], None] | None = None,
    looker: AnyLooker | None = None,
) -> FastAPI:
    """
    Build the page as an ASGI app.

    Args:
        config: Limits for photos.
        engines: Engines by name; the first is preselected. The caller closes them.
        tag: Finds the tags of recognized lines.
        samples: Photos to offer.
        on_ready: Called when the page can be opened. Uploads are written to the temporary folder that `tempfile` used
            when this module was first imported.
        looker: Finds tags in the picture itself; None to read text only. The caller closes it.

    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if on_ready is not None:
            on_ready()
        yield

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    uploads = Path(get_upload_folder())
    app.add_middleware(UploadGuard, config=config, folder=uploads)
    gr.mount_gradio_app(
        app,
        _Page(config, engines, tag, samples, uploads, looker=looker).blocks(),
        path="/",
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        css_paths=_HERE / "page.css",
        head=f"<script>{(_HERE / 'page.js').read_text()}</script>",
    )
    return app


class _Page:
    """State that the page's events share."""

    def __init__(
        self,
        config: OcrConfig,
        engines: Mapping[str, AnyEngine],
        tag: TagLines,
        samples: Sequence[Path],
        uploads: Path,
        *,
        looker: AnyLooker | None,
    ) -> None:
        self._looker = looker
        self._uploads = uploads
        self._config = config
        self._engines = engines
        self._tag = tag
        self._samples = samples

    def blocks(self) -> gr.Blocks:
        """Build the layout and bind its events."""
        words, empty = WORDS[_FIRST], view(None, _FIRST)
        with gr.Blocks(
            title="Hangtag OCR", analytics_enabled=False, fill_width=True, delete_cache=(60, _UPLOAD_S)
        ) as page:
            last = gr.State(None, time_to_live=_LAST_S)
            with gr.Row(equal_height=True):
                gr.Markdown("# Hangtag OCR")
                language = gr.Radio(
                    [("中文", "zh"), ("English", "en")],
                    value=_FIRST,
                    show_label=False,
                    container=False,
                    elem_id="language",
                )
            with gr.Row():
                with gr.Column(scale=1, min_width=290):
                    photo = gr.File(label=words.photo, elem_id="photo", height=150)
                    engine = gr.Dropdown(list(self._engines), label=words.engine, elem_id="engine", filterable=False)
                    samples = gr.Gallery(
                        [(_thumbnail(path, self._config), path.stem) for path in self._samples],
                        label=words.samples,
                        columns=2,
                        height=700,
                        allow_preview=False,
                        interactive=False,
                        buttons=[],
                        elem_id="samples",
                        visible=bool(self._samples),
                    )
                with gr.Column(scale=4, min_width=320):
                    verdict = _html("verdict", empty.verdict)
                    with gr.Row():
                        with gr.Column(scale=5, min_width=320):
                            shown = _html("shown")
                        with gr.Column(scale=5, min_width=320):
                            tags = _html("tags")
                    with gr.Row():
                        with gr.Column(scale=5, min_width=320):
                            lines = _html("lines")
                        with gr.Column(scale=5, min_width=320):
                            timings = _html("timings")
                    with gr.Accordion(words.steps, open=False, elem_id="before-after") as accordion:
                        steps = _html("steps")
            # The result area depends only on the language and the last outcome, whichever changed last.
            showing = {
                "fn": self._show,
                "inputs": [language, last],
                "outputs": [photo, engine, samples, accordion, *View(verdict, shown, tags, lines, steps, timings)],
                "queue": False,
                "api_visibility": "private",
            }
            reading = {
                "concurrency_limit": self._config.slots,
                "concurrency_id": "read",
                "show_progress_on": [verdict, shown],
                "api_visibility": "private",
            }
            photo.upload(self._read, [photo, engine], [photo, last], **reading).then(**showing)
            samples.select(self._read_sample, [engine], [last], **reading).then(**showing)
            language.change(**showing)
            page.load(self._first_language, None, language, queue=False, api_visibility="private")
        return page.queue(max_size=self._config.queue or None, api_open=False)

    async def _read(self, upload: str | None, engine: str) -> tuple[None, Outcome | None]:
        photo = None if upload is None else take(Path(upload), self._uploads)
        # Returning None empties the upload field for the next photo.
        return None, await self._outcome(photo, engine) if isinstance(photo, bytes) else photo

    async def _read_sample(self, engine: str, chosen: gr.SelectData) -> Outcome:
        return await self._outcome(self._samples[chosen.index].read_bytes(), engine)

    async def _outcome(self, data: bytes, engine: str) -> Outcome:
        return await try_photo(data, self._engines[engine], self._config, self._tag, self._looker)

    def _show(self, language: Language, last: Outcome | None) -> list[Any]:
        words = WORDS[language]
        labels = (words.photo, words.engine, words.samples, words.steps)
        return [*(gr.update(label=label) for label in labels), *view(last, language)]

    def _first_language(self, request: gr.Request) -> Language:
        return preferred(request.headers.get("accept-language", ""))


def _html(name: str, value: str = "") -> gr.HTML:
    return gr.HTML(value, elem_id=name, apply_default_css=False)


def _thumbnail(path: Path, config: OcrConfig) -> Pixels:
    photo = open_photo(path.read_bytes(), config.limits)
    if isinstance(photo, Refused):
        return np.full((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE, 3), 200, dtype=np.uint8)
    return scale_down(photo.small, _THUMBNAIL_SIDE)
