"""A small catalogue, and a look at a stand-in for the model's server."""

import httpx
from pydantic import SecretStr

from ocr_worker.images.decode import Limits, open_photo
from ocr_worker.look.catalogue import Aspect, Catalogue, Value
from ocr_worker.look.model import LookConfig, ModelLooker
from ocr_worker.look.stand_in import LookStandIn, look_stand_in_app
from schemas.events import Seen


def aspect(name: str, of, *values: str) -> Aspect:
    return Aspect(name, of, {value: Value(f"{name}/{value}", f"It is {value}") for value in values})


CATALOGUE = Catalogue(
    (
        aspect("category", "garment", "dress", "jeans"),
        aspect("colour", "garment", "red", "blue"),
        aspect("scene", "picture", "beach", "street"),
    )
)
DRESS = {"category": "dress", "colour": "red"}


def looker(behaviour: LookStandIn, *, timeout_s: float = 30.0, clock=lambda: 0.0, key: str | None = None):
    config = LookConfig("http://look", "tiny", SecretStr(key) if key else None, timeout_s)
    return ModelLooker(config, CATALOGUE, httpx.ASGITransport(look_stand_in_app(behaviour)), clock=clock)


async def look_at(looks: ModelLooker, photo: bytes) -> Seen | None:
    opened = open_photo(photo, Limits())
    return await looks.look(looks.prepare(opened))
