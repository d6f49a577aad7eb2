"""`hangtag doctor` with one fault in the store, an OCR worker or Klaviyo: it reports this fault and no other."""

from doctor_world import complaints
from pydantic import SecretStr


async def test_fault_4_a_store_that_cannot_be_written(settings, tmp_path):
    (tmp_path / "full").touch()
    found = await complaints(settings.model_copy(update={"store_url": f"file:{tmp_path}/full/photos"}))
    assert found.keys() == {"store"}
    assert "HANGTAG_STORE_URL" in found["store"].advice


async def test_fault_5_an_ocr_worker_that_is_not_there(settings, around, unused_port):
    gone = f"http://127.0.0.1:{unused_port}"
    found = await complaints(settings.model_copy(update={"ocr_urls": (around.ocr, gone)}))
    assert found.keys() == {"ocr"}
    assert found["ocr"].name == f"ocr {gone}"


async def test_fault_6_an_ocr_worker_that_does_not_know_us(settings):
    found = await complaints(settings.model_copy(update={"ocr_token": SecretStr("another")}))
    assert found.keys() == {"ocr"}
    assert "HANGTAG_OCR_TOKEN" in found["ocr"].advice


async def test_fault_6_an_ocr_worker_that_is_not_ready(settings, around):
    changed = {"ocr_urls": (around.ocr, around.cold_ocr), "ocr_timeout_s": 1.5}
    found = await complaints(settings.model_copy(update=changed), None, "ocr")
    assert (found["ocr"].name, found["ocr"].status) == (f"ocr {around.cold_ocr}", "fail")
    assert "not ready" in found["ocr"].finding


async def test_fault_6_for_a_busy_ocr_worker_doctor_does_not_say_to_start_it(settings, around):
    # Less than any answer takes over HTTP: a photo that was read before comes back at once.
    found = await complaints(settings.model_copy(update={"ocr_timeout_s": 0.0002}), None, "ocr")
    assert (found["ocr"].name, found["ocr"].status) == (f"ocr {around.ocr}", "warn")
    assert "it is busy, or its CPU is slow" in found["ocr"].finding
    assert "hangtag ocr serve" not in found["ocr"].advice


async def test_fault_7_a_key_that_klaviyo_does_not_know(settings):
    found = await complaints(settings.model_copy(update={"klaviyo_key": None}), None, "klaviyo")
    assert found["klaviyo"].status == "fail"
    found = await complaints(settings.model_copy(update={"klaviyo_key": SecretStr("pk_wrong")}))
    assert {name: line.status for name, line in found.items()} == {"klaviyo": "fail"}


async def test_fault_8_a_key_that_lacks_a_scope(settings, around):
    found = await complaints(settings.model_copy(update={"klaviyo_url": around.stingy_klaviyo}))
    assert found.keys() == {"klaviyo"}
    assert found["klaviyo"].finding == "the key lacks lists:write, lists:read and profiles:read"
