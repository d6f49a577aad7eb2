"""POST /ocr takes forms as real clients send them."""

import gzip

import pytest

from ocr_worker.engines.scripted import ScriptedEngine

TYPE = {"content-type": "multipart/form-data; boundary=XX"}


def form(photo: bytes, disposition: str = 'form-data; name="image"; filename="a.jpg"', preamble: bytes = b"") -> bytes:
    return preamble + b"--XX\r\nContent-Disposition: " + disposition.encode() + b"\r\n\r\n" + photo + b"\r\n--XX--\r\n"


@pytest.mark.parametrize(
    "disposition",
    [
        'form-data; name="image"',
        "form-data; name=image",
        "form-data; name=\"image\"; filename*=UTF-8''%E6%A0%87.jpg",
        'form-data; name="image"; filename=""',
    ],
)
async def test_a_photo_needs_no_file_name(worker, draw, disposition):
    photo = draw((2000, 1500), quality=100, mode="RGB")
    async with worker(ScriptedEngine()) as client:
        answer = await client.post("/ocr", content=form(photo, disposition), headers=TYPE)

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "preamble", [b"This is a message in MIME format.\r\n", b"\r\n", b"--X\r\n--XY\r\n", b"a" * 50_000 + b"\r\n"]
)
async def test_text_before_the_first_boundary_is_skipped(worker, draw, preamble):
    async with worker(ScriptedEngine()) as client:
        answer = await client.post("/ocr", content=form(draw(), preamble=preamble), headers=TYPE)

    assert answer.status_code == 200, answer.text


async def test_a_compressed_body_is_refused_with_a_sentence(worker, draw):
    async with worker(ScriptedEngine()) as client:
        answer = await client.post(
            "/ocr", content=gzip.compress(form(draw())), headers=TYPE | {"content-encoding": "gzip"}
        )

    assert answer.status_code == 415
    assert "Content-Encoding" in answer.json()["detail"]


async def test_a_motion_photo_is_read_and_its_film_is_not(worker, draw):
    film = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 4000
    async with worker(ScriptedEngine()) as client:
        answer = await client.post("/ocr", content=form(draw() + film), headers=TYPE)

    assert answer.status_code == 200, answer.text
