"""The worker over HTTP: readings, and every way to say no as problem+json."""

import asyncio
import secrets

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from ocr_worker.config import OcrConfig
from ocr_worker.images import Limits
from ocr_worker.reading import Reading
from ocr_worker.scripted import ScriptedEngine
from ocr_worker.server import create_app
from schemas.outcomes import Later


def problem(answer, status: int) -> str:
    """Check that it is a problem of this status; give its code."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    return body["type"].removeprefix("urn:hangtag:problem:")


def upload(photo: bytes, field: str = "image"):
    return {"files": {field: ("photo.jpg", photo, "image/jpeg")}}


async def until(holds) -> None:
    """Ask, at most for ten seconds, until the answer is yes."""
    async with asyncio.timeout(10):
        while not await holds():
            await asyncio.sleep(0)


async def test_a_photo_is_answered_with_its_reading(worker, draw):
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
async def test_what_is_not_multipart_is_told_so(worker, request_):
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


@pytest.mark.parametrize("given", [None, "Bearer wrong", "Bearer ", "Basic right", "right", "Bearer 密码"])
async def test_without_the_token_nothing_is_read(worker, draw, given: str | None):
    headers = {} if given is None else {"authorization": given.encode()}
    async with worker(ScriptedEngine(), OcrConfig(token=SecretStr("right"))) as client:
        answer = await client.post("/ocr", **upload(draw()), headers=headers)

    assert problem(answer, 401) == "unauthorized"
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("guess", ["righ", "right!", "r", "wrong", "x" * 1000])
async def test_every_guess_at_the_token_is_compared_whole_in_constant_time(worker, draw, monkeypatch, guess: str):
    """Through the function that the standard library has for it: what takes longer tells nothing."""
    compared: list[tuple[bytes, bytes]] = []
    honest = secrets.compare_digest

    def noted(given: bytes, wanted: bytes) -> bool:
        compared.append((given, wanted))
        return honest(given, wanted)

    monkeypatch.setattr(secrets, "compare_digest", noted)
    async with worker(ScriptedEngine(), OcrConfig(token=SecretStr("right"))) as client:
        answer = await client.post("/ocr", **upload(draw()), headers={"authorization": f"Bearer {guess}"})

    assert problem(answer, 401) == "unauthorized"
    assert compared == [(guess.encode(), b"right")]


async def test_with_the_token_the_photo_is_read(worker, draw):
    async with worker(ScriptedEngine(), OcrConfig(token=SecretStr("right"))) as client:
        answer = await client.post("/ocr", **upload(draw()), headers={"authorization": "Bearer right"})

    assert answer.status_code == 200


async def test_a_full_worker_answers_503_with_retry_after_and_recovers(worker, draw):
    gate, announced = asyncio.Event(), asyncio.Event()
    gate.set()

    async with worker(ScriptedEngine(gate=gate), OcrConfig(slots=1, queue=2), announced.set) as client:

        async def full() -> bool:
            return "hangtag_ocr_in_flight 3.0" in (await client.get("/metrics")).text

        await asyncio.wait_for(announced.wait(), 10)
        gate.clear()
        photo = draw()
        held = [asyncio.create_task(client.post("/ocr", **upload(photo))) for _ in range(3)]
        await until(full)

        refused = await client.post("/ocr", **upload(photo))
        gate.set()
        answered = await asyncio.gather(*held)
        after = await client.post("/ocr", **upload(photo))

    assert problem(refused, 503) == "ocr-busy"
    assert int(refused.headers["retry-after"]) >= 1
    assert [answer.status_code for answer in (*answered, after)] == [200] * 4


async def test_an_engine_that_is_down_is_a_503_and_never_ready(worker, draw):
    engine = ScriptedEngine(failure=Later("engine-down", "the engine is down", retry_after=7))
    async with worker(engine) as client:
        answer = await client.post("/ocr", **upload(draw()))
        readiness = await client.get("/readyz")
        health = await client.get("/healthz")

    assert problem(answer, 503) == "engine-down"
    assert answer.headers["retry-after"] == "7"
    assert problem(readiness, 503) == "not-ready"
    assert health.status_code == 200


async def test_ready_means_that_one_photo_was_read(worker):
    gate = asyncio.Event()
    announced = asyncio.Event()
    async with worker(ScriptedEngine(gate=gate), on_ready=announced.set) as client:
        assert problem(await client.get("/readyz"), 503) == "not-ready"
        assert not announced.is_set()
        gate.set()
        await asyncio.wait_for(announced.wait(), 10)
        assert (await client.get("/readyz")).status_code == 200


async def test_a_caller_who_leaves_gives_up_the_place_in_the_queue(serve, draw):
    """Over real sockets: three photos are held, two callers hang up, and the worker has room again."""
    gate = asyncio.Event()
    url = serve(create_app(OcrConfig(slots=1, queue=3), ScriptedEngine(gate=gate)))
    photo = draw((80, 60), ())

    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:

        async def in_flight() -> float:
            text = (await client.get("/metrics")).text
            return float(text.partition("\nhangtag_ocr_in_flight ")[2].partition("\n")[0])

        async def held() -> bool:
            return await in_flight() == 3

        async def left() -> bool:
            return await in_flight() == 1

        posts = [asyncio.create_task(client.post("/ocr", **upload(photo), timeout=30)) for _ in range(3)]
        await until(held)
        for post in posts[:2]:
            post.cancel()
        await asyncio.gather(*posts[:2], return_exceptions=True)
        await until(left)
        gate._loop.call_soon_threadsafe(gate.set)
        answered = await posts[2]
        text = (await client.get("/metrics")).text

    assert answered.status_code == 200
    assert 'hangtag_ocr_answers_total{status="499"} 2.0' in text


async def test_an_engine_that_fails_on_this_photo_is_a_500_that_ends(worker, draw):
    async with worker(ScriptedEngine(failure=Later("engine-failed", "failed", tries=3))) as client:
        answer = await client.post("/ocr", **upload(draw()))

    assert problem(answer, 500) == "engine-failed"


class Broken(ScriptedEngine):
    def prepare(self, photo):
        raise ZeroDivisionError(photo.width)


async def test_a_bug_in_an_engine_is_a_500_and_the_worker_asks_to_be_restarted(worker, draw):
    async with worker(Broken()) as client:

        async def unwell() -> bool:
            return (await client.get("/healthz")).status_code != 200

        answer = await client.post("/ocr", **upload(draw()))
        await until(unwell)
        health = await client.get("/healthz")

    assert problem(answer, 500) == "bug"
    assert problem(health, 500) == "warm-up-failed"


async def test_many_photos_at_once_each_get_their_own_lines(worker, draw):
    photos = [draw(lines=(f"no {at}",)) for at in range(12)]
    async with worker(ScriptedEngine(), OcrConfig(slots=4)) as client:
        answers = await asyncio.gather(*(client.post("/ocr", **upload(photo)) for photo in photos))

    read = [answer.json() for answer in answers]
    assert all(body["texts"][0]["text"] == f"photo {body['image']['sha256'][:16]}" for body in read)
    assert len({body["image"]["sha256"] for body in read}) == len(photos)


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


async def test_the_text_read_and_the_token_are_never_logged(worker, draw, capsys):
    config = OcrConfig(token=SecretStr("planted-token"))
    async with worker(ScriptedEngine(), config) as client:
        answer = await client.post("/ocr", **upload(draw()), headers={"authorization": "Bearer planted-token"})
        await client.post("/ocr", **upload(draw()), headers={"authorization": "Bearer planted-guess"})

    logged = "".join(capsys.readouterr())
    assert "lines=" in logged
    assert "planted" not in logged
    assert all(line["text"] not in logged for line in answer.json()["texts"])


async def test_unknown_paths_are_problems_too(worker):
    async with worker(ScriptedEngine()) as client:
        problem(await client.get("/nothing"), 404)
        problem(await client.get("/ocr"), 405)
        document = (await client.get("/openapi.json")).json()

    assert "multipart/form-data" in document["paths"]["/ocr"]["post"]["requestBody"]["content"]
