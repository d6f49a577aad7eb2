"""
The Schema Registry, where settings name one: registers events' schemas, and finds what values are framed with.

Three documented requests over httpx (https://docs.confluent.io/platform/current/schema-registry/develop/api.html);
docs/dependencies.md says why not Confluent's own client. A topic's subject is `<topic>-value`, as Confluent's
serializers name it. What a frame is stands in schemas/framing.py.
"""

import json
import ssl
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import httpx

from schemas.events import Event, PhotoUploaded
from schemas.export import json_schemas
from schemas.framing import LARGEST_ID, frame
from schemas.topics import topics
from streams.config.settings import Settings, UnusableError

_TIMEOUT_S: Final = 10
#: 40401: no such subject; 40403: the subject has no such schema.
_NOT_FOUND: Final = {40401, 40403}
#: The newest that registries and their clients all know. Ours say the same in it: a test compares.
_DRAFT: Final = "http://json-schema.org/draft-07/schema#"
_ADVICE: Final = {
    401: "Check HANGTAG_SCHEMA_REGISTRY_USERNAME and HANGTAG_SCHEMA_REGISTRY_PASSWORD",
    403: "Let this user read the schemas of these subjects, and write them for `hangtag topics apply`",
    404: "Is that a Schema Registry's address? Some have a path, such as /apis/ccompat/v7",
    409: "It would break what is registered there. Set another HANGTAG_TOPIC_PREFIX if that is another's; if it is an"
    " older one of ours, that subject's compatibility to NONE for this once",
}
#: Of events that we publish, readers of an older schema read newer ones: fields may be added, and none may go.
_COMPATIBILITY: Final = "FORWARD"
#: Of those that others publish we take more over time, which no level of a registry is for: our own gate looks
#: (tests/contract/test_compatibility.py).
_NO_COMPATIBILITY: Final = "NONE"


class RegistryError(UnusableError):
    """The registry did not answer, refused, or lacks a schema. The message says what to do, and holds no secret."""


class SchemaRegistry:
    """A way to the registry. Blocks; a context manager."""

    def __init__(self, settings: Settings) -> None:
        """
        Prepare to ask it.

        Raises:
            RegistryError: the address is none, or the file with certificates holds none.

        """
        user, password = settings.schema_registry_username, settings.schema_registry_password
        try:
            verify = ssl.create_default_context(cafile=settings.schema_registry_ca)
            self._http = httpx.Client(
                base_url=settings.schema_registry_url or "",
                auth=(user, password.get_secret_value()) if user and password else None,
                headers={"content-type": "application/vnd.schemaregistry.v1+json"},
                verify=verify,
                timeout=_TIMEOUT_S,
            )
        except (ssl.SSLError, OSError):
            raise RegistryError("HANGTAG_SCHEMA_REGISTRY_CA: it holds no certificates (PEM)") from None
        except httpx.InvalidURL:
            raise RegistryError("HANGTAG_SCHEMA_REGISTRY_URL: that is no http(s) address") from None

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the connections."""
        self._http.close()

    def find(self, subject: str, event: type[Event]) -> int | None:
        """
        Give the id of an event's schema as this version of Hangtag has it, None where it is not registered.

        Raises:
            RegistryError: see there.

        """
        answer = self._ask("POST", f"/subjects/{quote(subject, safe='')}", _schema(event))
        return None if answer is None else _id(answer)

    def register(self, subject: str, event: type[Event]) -> None:
        """
        Register an event's schema. A subject that is new is told what may change.

        Raises:
            RegistryError: see there, and: the registry has another schema there that this one would break.

        """
        name = quote(subject, safe="")
        if self._ask("GET", f"/subjects/{name}/versions") is None:
            level = _NO_COMPATIBILITY if event is PhotoUploaded else _COMPATIBILITY
            self._ask("PUT", f"/config/{name}", {"compatibility": level})
        _id(self._ask("POST", f"/subjects/{name}/versions", _schema(event)) or {})

    def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, object] | None:
        """Ask, and give the answer; None where it knows no such subject or schema."""
        try:
            response = self._http.request(method, path, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            trouble = f"no Schema Registry answers there ({type(error).__name__})"
            raise _refused(trouble, "Start it, or mend the address") from None
        answer = _json(response)
        if response.is_success:
            return answer
        if answer.get("error_code") in _NOT_FOUND:
            return None
        trouble = f"{method} {path}: {response.status_code}"
        raise _refused(trouble, _ADVICE.get(response.status_code, "Look at the registry's log"))


def frames(settings: Settings) -> dict[str, bytes]:
    """
    Give by topic what its events are framed with; nothing where settings name no registry.

    Raises:
        RegistryError: see there, and: a schema is not registered.

    """
    if not settings.schema_registry_url:
        return {}
    with SchemaRegistry(settings) as registry:
        found = {topic: registry.find(_subject(topic), event) for topic, event in _with_events(settings)}
    if missing := [topic for topic, schema_id in found.items() if schema_id is None]:
        told = ", ".join(missing)
        raise RegistryError(
            f"the events of {told} have no schema registered. Register them with `hangtag topics apply`"
        )
    return {topic: frame(schema_id) for topic, schema_id in found.items() if schema_id is not None}


def register_missing(settings: Settings) -> list[str]:
    """
    Register the schemas that are missing, where settings name a registry, and answer their subjects.

    Raises:
        RegistryError: see there.

    """
    if not settings.schema_registry_url:
        return []
    with SchemaRegistry(settings) as registry:
        wanted = {_subject(topic): event for topic, event in _with_events(settings)}
        missing = [subject for subject, event in wanted.items() if registry.find(subject, event) is None]
        for subject in missing:
            registry.register(subject, wanted[subject])
    return missing


def _with_events(settings: Settings) -> list[tuple[str, type[Event]]]:
    return [(topic.name, topic.event) for topic in topics(settings.topic_prefix).all() if topic.event is not None]


def _subject(topic: str) -> str:
    return f"{topic}-value"


def _schema(event: type[Event]) -> dict[str, str]:
    schema = json.loads(json_schemas()[f"{event.ce_type}.json"]) | {"$schema": _DRAFT}
    return {"schemaType": "JSON", "schema": json.dumps(schema, ensure_ascii=False)}


def _id(answer: dict[str, object]) -> int:
    schema_id = answer.get("id")
    if not isinstance(schema_id, int) or not 0 <= schema_id <= LARGEST_ID:
        raise _refused("it answers without an id", "Is that a Schema Registry?")
    return schema_id


def _json(response: httpx.Response) -> dict[str, object]:
    try:
        answer = response.json()
    except ValueError:
        # A proxy's page, or nothing: the status says enough.
        return {}
    return answer if isinstance(answer, dict) else {}


def _refused(trouble: str, advice: str) -> RegistryError:
    return RegistryError(f"HANGTAG_SCHEMA_REGISTRY_URL: {trouble}. {advice}")
