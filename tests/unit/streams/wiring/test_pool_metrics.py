"""The metrics of the OCR pool say what its workers did and how they are."""

import httpx
from prometheus_client import generate_latest

from ocr_worker.pool.pool import OcrPool, PoolDependencies
from streams.wiring import ocr_metrics


async def test_a_worker_that_is_down_shows_and_one_that_left_does_not():
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    around = PoolDependencies(transport=httpx.MockTransport(refuse), on_sent=ocr_metrics.count_sent, jitter=lambda: 0)
    async with OcrPool(["http://down.test"], None, 1, 1, around) as pool:
        ocr_metrics.watch(pool.status)
        await pool.read(b"photo")
        said = generate_latest().decode()
    assert 'hangtag_ocr_sent_total{outcome="ocr-unreachable",worker="http://down.test"}' in said
    assert 'hangtag_ocr_seconds_count{worker="http://down.test"}' in said
    assert 'hangtag_ocr_worker_in_flight{worker="http://down.test"} 0.0' in said
    assert 'hangtag_ocr_worker_state{state="out",worker="http://down.test"} 1.0' in said

    ocr_metrics.watch(tuple)
    assert "hangtag_ocr_worker_state{" not in generate_latest().decode()
