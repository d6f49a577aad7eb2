"""Templates, which can be created and read, and campaigns, which never exist."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from klaviyo_sink.sandbox.access.problems import RefusedError, invalid, not_found, not_modelled
from klaviyo_sink.sandbox.account.account import new_id
from klaviyo_sink.sandbox.account.groups import StoredTemplate
from klaviyo_sink.sandbox.api.gate import KlaviyoRoute, account_of, found_at, read_body, read_json
from klaviyo_sink.sandbox.queries.answers import answer_one, answer_page
from klaviyo_sink.sandbox.resources.automations import template_json
from klaviyo_sink.sandbox.shapes.groups import TemplateRequest

router = APIRouter(route_class=KlaviyoRoute)


@router.get("/api/templates")
async def get_templates(request: Request) -> JSONResponse:
    """Find templates."""
    base = str(request.base_url)
    return answer_page(request, (template_json(one, base) for one in account_of(request).templates.values()))


@router.post("/api/templates")
async def create_template(request: Request) -> JSONResponse:
    """Create an HTML template."""
    content = await read_json(request)
    asked = found_at(content, "data", "attributes")
    if found_at(asked, "definition") is not None or found_at(asked, "editor_type") == "SYSTEM_DRAGGABLE":
        raise not_modelled("templates of the drag-and-drop editor", pointer="/data/attributes/definition")
    attributes = (await read_body(request, TemplateRequest)).data.attributes
    if attributes.editor_type not in {"CODE", "USER_DRAGGABLE"} or attributes.html is None:
        where = "html" if attributes.html is None else "editor_type"
        raise RefusedError(
            400, invalid(f"/data/attributes/{where}", "Use editor_type CODE or USER_DRAGGABLE, and html.")
        )
    account = account_of(request)
    made = StoredTemplate(
        new_id(), attributes.name, attributes.editor_type, attributes.html, attributes.text or "", account.now()
    )
    account.templates[made.id] = made
    return answer_one(request, template_json(made, str(request.base_url)), status=201)


@router.get("/api/templates/{id}")
async def get_template(request: Request, id: str) -> JSONResponse:  # noqa: A002 - the name in the official path
    """Read a template."""
    found = account_of(request).templates.get(id)
    if found is None:
        raise not_found("A template with this id does not exist.")
    return answer_one(request, template_json(found, str(request.base_url)))


@router.get("/api/campaigns")
async def get_campaigns(request: Request) -> JSONResponse:
    """Find campaigns: none can be created here (501), so there are none."""
    return answer_page(request, [])


@router.get("/api/campaigns/{id}")
async def get_campaign(id: str) -> JSONResponse:  # noqa: A002 - the name in the official path
    """Read a campaign: there are none."""
    raise not_found(f"A campaign with the id {id} does not exist.")
