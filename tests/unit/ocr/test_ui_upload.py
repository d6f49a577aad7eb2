"""Too large an upload is turned away before it is received, and what was read is deleted, once."""

import httpx
import pytest
from fastapi import FastAPI, Request

from ocr_worker.config import OcrConfig
from ocr_worker.images import Limits
from ocr_worker.scripted import ScriptedEngine
from ocr_worker.ui_upload import UploadLimit, take
from schemas.outcomes import Later

SMALL = OcrConfig(limits=Limits(max_bytes=1000))
UPLOAD = "/gradio_api/upload"


@pytest.fixture
async def page():
    app = FastAPI()
    app.add_middleware(UploadLimit, config=SMALL)

    @app.post(UPLOAD)
    @app.post("/gradio_api/queue/join")
    async def received(request: Request) -> int:
        return len(await request.body())

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://page") as client:
        yield client


async def test_a_photo_within_the_limit_passes(page):
    assert (await page.post(UPLOAD, files={"files": b"x" * 900})).json() > 900


async def test_a_larger_one_gets_the_sentence_of_the_worker(page, worker):
    photo = b"x" * 200_000
    answer = await page.post(UPLOAD, files={"files": photo})
    async with worker(ScriptedEngine(), SMALL) as client:
        problem = (await client.post("/ocr", files={"image": photo})).json()
    assert answer.status_code == problem["status"] == 413
    assert answer.text == problem["detail"] == "a photo may have at most 1,000 bytes"


async def test_an_upload_of_unknown_length_is_not_taken(page):
    async def forever():
        yield b"x"

    answer = await page.post(UPLOAD, content=forever(), headers={"content-type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 411
    assert "Content-Length" in answer.text


async def test_all_else_passes(page):
    assert (await page.post("/gradio_api/queue/join", content=b"x" * 200_000)).json() == 200_000


def test_an_upload_is_read_and_deleted(tmp_path):
    upload = tmp_path / "photo.jpg"
    upload.write_bytes(b"photo")
    assert take(upload) == b"photo"
    assert not upload.exists()


def test_the_second_of_two_uploads_that_were_one_file_is_asked_to_come_again(tmp_path):
    upload = tmp_path / "photo.jpg"
    upload.write_bytes(b"photo")
    first, second = take(upload), take(upload)
    assert first == b"photo"
    assert isinstance(second, Later)
    assert second.reason == "upload-gone"
    assert "again" in second.message
