"""Lists, segments, flows, their actions, templates and jobs as resources."""

from typing import Any, Final

from klaviyo_sink.sandbox.account.groups import StoredList, StoredSegment, StoredTemplate
from klaviyo_sink.sandbox.account.jobs import ImportJob, SuppressionJob
from klaviyo_sink.sandbox.account.journeys import StoredFlow
from klaviyo_sink.sandbox.resources.links import links, related
from klaviyo_sink.sandbox.resources.people import stamp

TRIGGER_TYPES: Final = {"metric": "Metric", "list": "Added to List", "segment": "Added to List"}


def list_json(group: StoredList, base: str) -> dict[str, Any]:
    """Write a list."""
    return {
        "type": "list",
        "id": group.id,
        "attributes": {
            "name": group.name,
            "created": stamp(group.created),
            "updated": stamp(group.updated),
            "opt_in_process": group.opt_in_process,
            "profile_count": len(group.members),
        },
        "relationships": related(base, "lists", group.id, "profiles", "tags", "flow-triggers"),
        "links": links(base, "lists", group.id),
    }


def segment_json(segment: StoredSegment, base: str, *, count: int | None = None) -> dict[str, Any]:
    """Write a segment, with the number of its members if asked for."""
    attributes: dict[str, Any] = {
        "name": segment.name,
        "definition": segment.raw,
        "created": stamp(segment.created),
        "updated": stamp(segment.updated),
        "is_active": True,
        "is_processing": False,
        "is_starred": segment.is_starred,
    }
    if count is not None:
        attributes["profile_count"] = count
    return {
        "type": "segment",
        "id": segment.id,
        "attributes": attributes,
        "relationships": related(base, "segments", segment.id, "profiles", "tags", "flow-triggers"),
        "links": links(base, "segments", segment.id),
    }


def flow_json(flow: StoredFlow, base: str) -> dict[str, Any]:
    """Write a flow, with its definition."""
    return {
        "type": "flow",
        "id": flow.id,
        "attributes": {
            "name": flow.name,
            "status": flow.status,
            "archived": False,
            "created": stamp(flow.created),
            "updated": stamp(flow.updated),
            "trigger_type": TRIGGER_TYPES[flow.definition.triggers[0].type],
            "definition": flow.raw,
        },
        "relationships": related(base, "flows", flow.id, "flow-actions", "tags"),
        "links": links(base, "flows", flow.id),
    }


def action_json(flow: StoredFlow, raw: dict[str, Any], base: str) -> dict[str, Any]:
    """Write an action of a flow."""
    relations = related(base, "flow-actions", raw["id"], "flow", "flow-messages")
    relations["flow"]["data"] = {"type": "flow", "id": flow.id}
    return {
        "type": "flow-action",
        "id": raw["id"],
        "attributes": {"created": stamp(flow.created), "updated": stamp(flow.updated), "definition": raw},
        "relationships": relations,
        "links": links(base, "flow-actions", raw["id"]),
    }


def template_json(template: StoredTemplate, base: str) -> dict[str, Any]:
    """Write a template."""
    return {
        "type": "template",
        "id": template.id,
        "attributes": {
            "name": template.name,
            "editor_type": template.editor_type,
            "html": template.html,
            "text": template.text,
            "amp": None,
            "created": stamp(template.created),
            "updated": stamp(template.created),
        },
        "links": links(base, "templates", template.id),
    }


def import_job_json(job: ImportJob, base: str) -> dict[str, Any]:
    """Write an import job."""
    done = job.status == "complete"
    return {
        "type": "profile-bulk-import-job",
        "id": job.id,
        "attributes": {
            "status": job.status,
            "created_at": stamp(job.created),
            "total_count": job.rows,
            "completed_count": job.rows - len(job.errors) if done else 0,
            "failed_count": len(job.errors) if done else 0,
            "started_at": stamp(job.created) if job.status != "queued" else None,
            "completed_at": stamp(job.created) if done else None,
            "expires_at": stamp(job.expires),
        },
        "relationships": _import_relations(job, base),
        "links": links(base, "profile-bulk-import-jobs", job.id),
    }


def suppression_job_json(job: SuppressionJob, base: str) -> dict[str, Any]:
    """Write a job that added or removed suppressions."""
    kind = f"profile-suppression-bulk-{job.kind}-job"
    return {
        "type": kind,
        "id": job.id,
        "attributes": {
            "status": "complete",
            "created_at": stamp(job.created),
            "total_count": job.total,
            "completed_count": job.total - job.skipped,
            "skipped_count": job.skipped,
            "completed_at": stamp(job.created),
        },
        "relationships": related(base, f"{kind}s", job.id, "lists", "segments"),
        "links": links(base, f"{kind}s", job.id),
    }


def _import_relations(job: ImportJob, base: str) -> dict[str, Any]:
    found = related(base, "profile-bulk-import-jobs", job.id, "lists", "profiles", "import-errors")
    found["lists"]["data"] = [{"type": "list", "id": one} for one in job.list_ids]
    del found["import-errors"]["links"]["self"]
    return found
