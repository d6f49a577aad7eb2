"""Which of a shopper's names at Klaviyo are erased, and which are left because somebody else uses them too."""

import json
from dataclasses import dataclass, field

import httpx
import pytest
from pydantic import SecretStr

from klaviyo_sink.api.client import KlaviyoClient, PrivateKey
from streams.erasure.claims import Claims
from streams.erasure.profiles import KlaviyoAccess, Profile, users_of
from streams.index.claims import comparable

EMAIL, ID, OWN = ("email", "ada@shop.cn"), ("id", "01H"), ("external_id", "ada")


@dataclass
class Klaviyo:
    """Knows profiles by their names, and refuses to look up some kinds of names."""

    profiles: dict[str, dict[str, str]]
    refuses: dict[str, int] = field(default_factory=dict)
    erased: list[str] = field(default_factory=list)
    cleared: list[str] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            kind, value = request.url.params["filter"].removeprefix("equals(").removesuffix(")").split(",", 1)
            if kind in self.refuses:
                return httpx.Response(self.refuses[kind], json={"errors": [{"code": "invalid", "title": "No."}]})
            rows = [
                {"type": "profile", "id": one, "attributes": names}
                for one, names in self.profiles.items()
                if {"id": one, **names}.get(kind) == json.loads(value)
            ]
            return httpx.Response(200, json={"data": rows})
        data = json.loads(request.content)["data"]
        if "deletion" in request.url.path:
            self.erased.append(data["attributes"]["profile"]["data"]["id"])
            return httpx.Response(202)
        self.cleared.append(data["id"])
        return httpx.Response(200, json={"data": {"type": "profile", "id": data["id"], "attributes": {}}})

    def access(self, *, soft: bool = False, include_shared: bool = False) -> KlaviyoAccess:
        key, transport = PrivateKey(SecretStr("pk")), httpx.MockTransport(self.answer)
        client = KlaviyoClient("http://klaviyo", key, revision="2026-07-15", timeout_s=5, transport=transport)
        return KlaviyoAccess(client, None if soft else client, ("outfit_styles",), include_shared)


async def test_names_of_one_profile_lead_to_one_profile_with_all_its_names():
    klaviyo = Klaviyo({"01H": {"email": "ada@shop.cn", "external_id": "ada"}})
    found = await klaviyo.access().find([EMAIL, ID, OWN, ("email", "nobody@shop.cn")])
    assert found.profiles == (Profile("01H", (EMAIL, OWN, ID), frozenset({EMAIL, ID, OWN})),)
    assert found.unknown == (("email", "nobody@shop.cn"),)


@pytest.mark.parametrize(("status", "looked_up"), [(400, True), (401, False)])
async def test_a_name_that_klaviyo_refuses_keeps_no_other_from_being_looked_up(status, looked_up):
    """But a key that it refuses is no better for the next name."""
    klaviyo = Klaviyo({"01H": {}}, refuses={"email": status})
    found = await klaviyo.access().find([EMAIL, ID])
    assert bool(found.profiles) is looked_up
    assert bool(found.troubles) is looked_up
    assert bool(found.stopped) is not looked_up


@pytest.mark.parametrize(
    ("soft", "include_shared", "used_by", "action"),
    [
        (False, False, (), "erase"),
        (False, False, ("bea",), "remove our properties"),
        (False, True, ("bea",), "erase"),
        (True, False, (), "remove our properties"),
        (True, True, ("bea",), "remove our properties"),
    ],
)
async def test_a_shared_profile_is_erased_only_with_include_shared(soft, include_shared, used_by, action):
    klaviyo = Klaviyo({"01H": {}})
    access = klaviyo.access(soft=soft, include_shared=include_shared)
    assert access.action_for(used_by) == action
    [profile] = (await access.find([ID])).profiles
    assert await access.carry_out(profile, action) is None
    done = klaviyo.erased if action == "erase" else klaviyo.cleared
    assert (done, len(klaviyo.erased) + len(klaviyo.cleared)) == (["01H"], 1)


def test_a_profile_is_shared_by_every_shopper_with_one_of_its_names():
    claims = Claims()
    claims.add_names("ada", [OWN])
    profile = Profile("01H", (OWN,), frozenset({ID, EMAIL, OWN}))
    claims.add_names("ada", profile.names)
    assert users_of(profile, claims.names) == ()
    # Ada never used this address herself: her profile at Klaviyo has it.
    claims.names[EMAIL].add("bea")
    assert users_of(profile, claims.names) == ("bea",)
    assert users_of(profile, claims.without({"bea"}).names) == ()


def test_the_shops_own_id_of_somebody_else_is_shared_with_them_by_itself():
    claims = Claims()
    claims.add_names("ada", [OWN, ("external_id", "bea")])
    assert claims.others() == {"bea"}


def test_addresses_are_compared_as_klaviyo_does():
    assert comparable(("email", " Ada@Shop.CN")) == comparable(EMAIL)
    assert comparable(("external_id", "Ada")) != comparable(OWN)
