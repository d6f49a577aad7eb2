"""The parts of vLLM's chat completion API that engines use. Pure."""

import base64
from typing import Annotated

from pydantic import Field

from schemas.events import FrozenModel


def image_url(jpeg: bytes) -> str:
    """Return the data URL for a photo in a request."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


class Rival(FrozenModel):
    """A token that could have stood in another's place; the generated one may be among them."""

    token: str = Field(repr=False)
    logprob: float


class ChatToken(FrozenModel):
    """One generated token, which may be a marker or the end of the output."""

    token: str = Field(repr=False)
    logprob: float
    #: The most likely tokens, as many as the request asks for.
    top_logprobs: tuple[Rival, ...] = ()


class Logprobs(FrozenModel):
    """The tokens of one output."""

    content: tuple[ChatToken, ...]


class Message(FrozenModel):
    """The text of one output."""

    content: str | None = Field(default=None, repr=False)


class Choice(FrozenModel):
    """One output: its text, its tokens, and why it ended (stop, length, repetition, abort, error)."""

    message: Message
    logprobs: Logprobs
    finish_reason: str | None = None


class ChatAnswer(FrozenModel):
    """The body of a response with status 200."""

    choices: Annotated[tuple[Choice, ...], Field(min_length=1, max_length=1)]


class Release(FrozenModel):
    """The body of the response to GET /version."""

    version: Annotated[str, Field(min_length=1, max_length=64)]
