"""The worker over HTTP: readings, every refusal as problem+json, and its log and metrics."""

import pytest
from prometheus_client.parser import text_string_to_metric_families
from worker_http import problem, upload

from ocr_worker.config import OcrConfig
from ocr_worker.engines.scripted import ScriptedEngine
from ocr_worker.images.decode import Limits
from ocr_worker.result import Reading


async def test_the_worker_answers_a_photo_with_its_reading(worker, draw):
    async with worker(ScriptedEngine()) as client:
        answer = await client.post("/ocr", **upload(draw()))

    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["texts", "image", "quality", "engine", "timings_ms"]
    assert list(body["texts"][0]) == ["text", "bbox", "score"]
    assert list(body["image"]) == ["width", "height", "sha256"]
    assert sorted(body["quality"]) == ["hint", "sharpness", "verdict"]
    assert list(body["engine"]) == ["name", "model", "revision"]
    assert Reading.model_validate(body).texts[0].text == f"photo {body['image']['sha256'][:16]}"


@pytest.mark.parametrize(
    ("photo", "status", "code"),
    [
        (b"", 400, "unreadable"),
        (b"\xff\xd8\xff\xe0 no more", 400, "unreadable"),
        (b"a text file named photo.jpg", 415, "unsupported"),
        (b"%PDF-1.7", 415, "unsupported"),
        (bytes(2_000), 413, "too-large"),
        (bytes(200_000), 413, "too-large"),
    ],
)
async def test_a_bad_photo_is_a_problem_with_its_own_status(worker, photo: bytes, status: int, code: str):
    async with worker(ScriptedEngine(), OcrConfig(limits=Limits(max_bytes=1_000))) as client:
        assert problem(await client.post("/ocr", **upload(photo)), status) == code


async def test_a_body_of_unknown_length_is_cut_off_at_the_limit(worker):
    sent = 0

    async def endless():
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
        for _ in range(100):
            sent += 10_000
            yield bytes(10_000)

    async with worker(ScriptedEngine(), OcrConfig(limits=Limits(max_bytes=1_000))) as client:
        answer = await client.post(
            "/ocr", content=endless(), headers={"content-type": "multipart/form-data; boundary=x"}
        )

    assert problem(answer, 413) == "too-large"


@pytest.mark.parametrize(
    "request_",
    [
        {"json": {"image_uri": "s3://photos/1.jpg"}},
        {"content": b"\xff\xd8\xff", "headers": {"content-type": "image/jpeg"}},
        {"content": b""},
    ],
    ids=["json", "bare-jpeg", "nothing"],
)
async def test_a_request_that_is_not_multipart_is_refused_as_such(worker, request_):
    async with worker(ScriptedEngine()) as client:
        assert problem(await client.post("/ocr", **request_), 415) == "not-multipart"


@pytest.mark.parametrize(
    "request_",
    [
        upload(b"x", field="picture"),
        {"files": [("image", ("a.jpg", b"x")), ("image", ("b.jpg", b"y"))]},
        {"files": {"other": ("a", b"x")}, "data": {"image": "not a file"}},
    ],
    ids=["no-field", "two-images", "image-not-a-file"],
)
async def test_anything_but_one_image_is_refused(worker, request_):
    async with worker(ScriptedEngine()) as client:
        assert problem(await client.post("/ocr", **request_), 422) == "one-image"


async def test_broken_multipart_is_refused(worker):
    async with worker(ScriptedEngine()) as client:
        for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
            answer = await client.post("/ocr", content=b"nonsense", headers={"content-type": kind})
            assert problem(answer, 422) in {"bad-multipart", "one-image"}


async def test_metrics_count_answers_verdicts_and_time(worker, draw):
    async with worker(ScriptedEngine()) as client:
        await client.post("/ocr", **upload(draw()))
        await client.post("/ocr", **upload(b"nothing"))
        scraped = await client.get("/metrics")
        text = scraped.text

    assert scraped.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {family.name: family.type for family in text_string_to_metric_families(text)}
    assert families["hangtag_ocr_answers"] == "counter"
    assert families["hangtag_ocr_step_seconds"] == "histogram"
    assert families["hangtag_ocr_in_flight"] == "gauge"
    assert 'hangtag_ocr_answers_total{status="200"} 1.0' in text
    assert 'hangtag_ocr_answers_total{status="415"} 1.0' in text
    assert 'hangtag_ocr_readings_total{verdict="ok"} 1.0' in text
    assert 'hangtag_ocr_step_seconds_count{step="engine"} 1.0' in text


async def test_unknown_paths_are_problems_too(worker):
    async with worker(ScriptedEngine()) as client:
        problem(await client.get("/nothing"), 404)
        problem(await client.get("/ocr"), 405)
        document = (await client.get("/openapi.json")).json()

    assert "multipart/form-data" in document["paths"]["/ocr"]["post"]["requestBody"]["content"]
