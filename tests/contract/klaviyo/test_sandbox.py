"""
Every operation that the sandbox serves, called as a shop would: each request and each answer is judged by the official
schema, and no operation is left out.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from closed_schema import EXCERPT, answer_judge, body_judge, load, operations
from shop import HEADERS, SPEC, Shop, cotton, of, open_shop, shop_for_a_day

from klaviyo_sink.sandbox.access.operations import OPERATIONS
from klaviyo_sink.sandbox.app import SERVED

NEEDS_BODY = {"POST", "PATCH", "DELETE"}


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with open_shop() as shop:
        yield shop


async def test_every_operation_answers_as_the_official_schema_says(shop):
    await shop_for_a_day(shop)
    assert shop.called == {route.name for router in SERVED for route in router.routes}


STRANGE = (None, True, 0, 1.5, "", "x", [], ["x"], [None], {}, {"x": 1}, {"data": []})


def mutants(node: Any) -> Iterator[None]:
    """Change a body in one place at a time: invent, drop and retype keys anywhere in it. Undone after each."""
    if isinstance(node, list):
        for one in node:
            yield from mutants(one)
    if isinstance(node, dict):
        node["outfit"] = 1
        yield
        del node["outfit"]
        for name, value in list(node.items()):
            del node[name]
            yield
            for strange in STRANGE:
                node[name] = strange
                yield
            node[name] = value
            yield from mutants(value)


def test_the_excerpt_of_the_schema_has_every_operation_that_is_served():
    excerpt = operations(load(EXCERPT))
    assert excerpt.keys() == {(*route.methods, route.path) for router in SERVED for route in router.routes}


async def test_no_write_takes_a_body_that_the_closed_official_schema_refuses(shop):
    await shop_for_a_day(shop)
    taken = []
    for (method, path), (at, body) in shop.bodies.items():
        judge = body_judge(SPEC, method, path)
        for _ in mutants(body):
            if judge.is_valid(body):
                continue
            answer = await shop.http.request(method, at, json=body, headers=HEADERS)
            assert answer.status_code < 500 or answer.status_code == 501, answer.text
            if answer.status_code < 400:
                taken.append(f"{method} {path} {json.dumps(body)}")
    assert taken == []


async def test_an_operation_that_the_sandbox_lacks_is_named(shop):
    served = {(verb, route.path) for router in SERVED for route in router.routes for verb in route.methods}
    for (method, path), operation in OPERATIONS.items():
        if (method, path) in served:
            continue
        at = re.sub(r"\{\w+\}", "x", path)
        answer = await shop.http.request(
            method, at, json={} if method in NEEDS_BODY else None, headers=HEADERS | {"revision": "2026-10-15"}
        )
        assert answer.status_code == 501, path
        [problem] = answer.json()["errors"]
        assert operation.id in problem["detail"]


def test_every_official_field_to_filter_sort_and_include_by_is_in_the_table():
    for method, path in operations(SPEC):
        operation = OPERATIONS[method, path]
        said = json.dumps(SPEC["paths"][path][method.lower()])
        for field in operation.parameters.filters:
            assert json.dumps(field) in said


async def test_a_parameter_of_the_newer_revision_is_named(shop):
    newer = {"filter": "equals(messages.channel,'sms')", "fields[campaign-audience]": "id"}
    answer = await shop.http.get("/api/campaigns", params=newer, headers=HEADERS | {"revision": "2026-10-15"})
    assert (answer.status_code, answer.json()["errors"][0]["source"]) == (
        501,
        {"parameter": "fields[campaign-audience]"},
    )


async def test_the_judge_would_find_a_field_that_is_left_out(shop):
    made = await shop.call("POST", "/api/segments", of("segment", {"name": "S", "definition": cotton()}), status=201)
    judge = answer_judge(SPEC, "POST", "/api/segments", 201)
    del made["data"]["attributes"]["is_starred"]
    assert not judge.is_valid(made)
