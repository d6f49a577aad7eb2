"""Metrics: what has been counted so far."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from klaviyo_sink.sandbox.gate import KlaviyoRoute, account_of
from klaviyo_sink.sandbox.pages import page_of

router = APIRouter(route_class=KlaviyoRoute)


@router.get("/api/metrics")
async def get_metrics(request: Request) -> JSONResponse:
    """List the metrics, 200 a page."""
    rows = [
        {
            "type": "metric",
            "id": metric.id,
            "attributes": {
                "name": metric.name,
                "created": metric.created.isoformat(),
                "updated": metric.created.isoformat(),
                "integration": {"object": "integration", "id": "0rG4eQ", "name": "API", "category": "API"},
            },
            "links": {"self": f"/api/metrics/{metric.id}"},
        }
        for metric in account_of(request).metrics.values()
    ]
    return page_of(rows, request, default=200, largest=200)
