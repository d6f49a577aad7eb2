"""Check of the server that looks at photos, if one is configured. It gets a drawn photo, never a shopper's."""

import asyncio
from typing import Final

from ocr_worker.engines.vllm.chat import Choice
from ocr_worker.engines.vllm.client import BAD_ANSWER, VllmClient
from ocr_worker.images.plain_photo import plain_photo
from ocr_worker.look.answer import values_in
from ocr_worker.look.chat import look_request
from ocr_worker.result import Refused
from schemas.outcomes import Misconfigured
from streams.config.settings import Settings, UnusableError
from streams.operations.checks.answer import Checked, Machine, fail, ok, warn
from streams.wiring.look import catalogue_in

_SETTINGS: Final = "set HANGTAG_LOOK_URL, HANGTAG_LOOK_MODEL and HANGTAG_LOOK_KEY as the server has them"
_SERVER: Final = "start it, or unset HANGTAG_LOOK_URL; until then photos are read without looks"
_LEXICON: Final = "run `hangtag doctor lexicon` and do what it advises; the values of a look come from the lexicon"
_STRUCTURED: Final = (
    "use a server with structured output by JSON schema, and with logprobs (docs/ocr.md); "
    "until then its looks give no tags"
)


async def look(settings: Settings, _machine: Machine) -> list[Checked]:
    """Check that the server answers by the lexicon's schema within the time limit of a look."""
    if settings.look_url is None:
        colour = "only the main colour is found, without a model" if settings.look_colour else "no photo is looked at"
        return [ok("look", f"no server is configured: {colour}")]
    try:
        # In a thread, because it takes a quarter of a second, and the other checks run meanwhile.
        catalogue = await asyncio.to_thread(catalogue_in, settings)
    except UnusableError as error:
        return [warn("look", str(error), _LEXICON)]
    client = VllmClient(settings.look_url, settings.look_key, settings.look_timeout_s)
    try:
        answer = await client.complete(look_request(plain_photo(), settings.look_model, catalogue))
    finally:
        await client.aclose()
    if isinstance(answer, Misconfigured):
        return [fail("look", answer.message, _SETTINGS)]
    if not isinstance(answer, Choice):
        # A server that rejects the request, or answers it in another form, is running.
        unfit = isinstance(answer, Refused) or answer.reason == BAD_ANSWER
        return [warn("look", answer.message, _STRUCTURED if unfit else _SERVER)]
    content, tokens = answer.message.content or "", answer.logprobs.content
    if values_in(content, tokens, answer.finish_reason, catalogue) is None:
        return [warn("look", f"{settings.look_model} does not follow the schema", _STRUCTURED)]
    return [ok("look", f"{settings.look_model} answers by the schema")]
