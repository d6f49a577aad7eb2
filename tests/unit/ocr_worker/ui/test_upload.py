"""
Too large an upload is turned away before it is received, no file but an upload can be named, and what was read is
deleted, once.
"""

import httpx
import pytest
from fastapi import FastAPI, Request

from ocr_worker.config import OcrConfig
from ocr_worker.engines.scripted import ScriptedEngine
from ocr_worker.images.decode import Limits
from ocr_worker.result import Refused
from ocr_worker.ui.upload import UploadGuard, take
from schemas.outcomes import Later

SMALL = OcrConfig(limits=Limits(max_bytes=1000))
UPLOAD = "/gradio_api/upload"


JOIN = "/gradio_api/queue/join"


@pytest.fixture
async def page(tmp_path):
    app = FastAPI()
    app.add_middleware(UploadGuard, config=SMALL, folder=tmp_path / "uploads")

    @app.post(UPLOAD)
    @app.post(JOIN)
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


async def test_an_upload_of_unknown_length_is_refused(page):
    async def forever():
        yield b"x"

    answer = await page.post(UPLOAD, content=forever(), headers={"content-type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 411
    assert "Content-Length" in answer.text


async def test_all_else_passes(page):
    assert (await page.post(JOIN, content=b"x" * 200_000)).json() == 200_000
    said = {"data": ["en", None], "event_data": {"index": 3}}
    assert (await page.post(JOIN, json=said)).status_code == 200


async def test_a_request_of_megabytes_is_cut_off(page):
    assert (await page.post(JOIN, content=b"x" * 300_000)).status_code == 413


def named(path: str, **more: object) -> dict[str, object]:
    """Name a file as Gradio's own page does."""
    return {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}, **more}, "rapid"], "fn_index": 0}


async def test_an_upload_may_be_named(page, tmp_path):
    upload = str(tmp_path / "uploads" / "ab12" / "photo.jpg")
    assert (await page.post(JOIN, json=named(upload))).status_code == 200
    assert (await page.post(JOIN, json=named(upload, is_stream=True))).status_code == 200


@pytest.mark.parametrize("more", [{}, {"is_stream": True}, {"url": "http://169.254.169.254/"}])
@pytest.mark.parametrize(
    "name",
    [
        "outside.jpg",
        "uploads/../outside.jpg",
        "uploads/link/outside.jpg",
        "uploads-too/photo.jpg",
        "http://169.254.169.254/latest",
        "\0",
        "",
    ],
)
async def test_no_other_file_or_address_can_be_named(page, tmp_path, monkeypatch, name, more):
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "link").symlink_to(tmp_path)
    # Where a name without a folder leads.
    monkeypatch.chdir(tmp_path)
    for path in (name, f"{tmp_path}/{name}"):
        answer = await page.post(JOIN, json=named(path, **more))
        assert answer.status_code == 403
        assert answer.text == "only photos that were uploaded on this page can be read"


async def test_a_file_cannot_be_named_deep_in_a_request_either(page):
    deep = {"event_data": {"value": [{"image": named("/nowhere/photo.jpg")["data"]}]}}
    assert (await page.post(JOIN, json=deep)).status_code == 403


def test_a_file_outside_the_uploads_is_neither_read_nor_deleted(tmp_path):
    (tmp_path / "uploads").mkdir()
    outside = tmp_path / "photo.jpg"
    outside.write_bytes(b"photo")
    for path in (outside, tmp_path / "uploads" / ".." / "photo.jpg"):
        assert isinstance(take(path, tmp_path / "uploads"), Refused)
    assert outside.read_bytes() == b"photo"


def test_an_upload_is_read_and_deleted(tmp_path):
    upload = tmp_path / "photo.jpg"
    upload.write_bytes(b"photo")
    assert take(upload, tmp_path) == b"photo"
    assert not upload.exists()


def test_the_second_of_two_identical_uploads_at_once_must_be_repeated(tmp_path):
    upload = tmp_path / "photo.jpg"
    upload.write_bytes(b"photo")
    first, second = take(upload, tmp_path), take(upload, tmp_path)
    assert first == b"photo"
    assert isinstance(second, Later)
    assert second.reason == "upload-gone"
    assert "again" in second.message
