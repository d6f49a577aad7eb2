"""The sandbox answers a query, refuses it with the parameter's name, or names what it lacks."""

import string
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from klaviyo_sandbox import open_api, profile

from klaviyo_sink.sandbox.queries.grammar import Comparison, GrammarError, Logic, parse


@pytest.fixture
async def api(clock):
    async with open_api(clock) as api:
        yield api


async def fill(api, *people: dict[str, object]):
    for one in people:
        await api.write("POST", "/api/profile-import", profile(**one))


async def emails(api, **query: str):
    return [one["attributes"]["email"] for one in (await api.get("/api/profiles", **query))["data"]]


@pytest.mark.parametrize(
    ("filter_", "found"),
    [
        ("""equals(email,"o'neil@shop.cn")""", ["o'neil@shop.cn"]),
        ("""equals(email,'o\\'neil@shop.cn')""", ["o'neil@shop.cn"]),
        ('equals(email,"ADA@shop.cn")', ["ada@shop.cn"]),
        ('any(email,["ada@shop.cn","bo@shop.cn"])', ["ada@shop.cn", "bo@shop.cn"]),
        ('equals(email,"ada@shop.cn"),equals(external_id,"a,b)")', ["ada@shop.cn"]),
        ('and(equals(email,"ada@shop.cn"),equals(external_id,"x"))', []),
        ('or(equals(email,"ada@shop.cn"),equals(email,"bo@shop.cn"))', ["ada@shop.cn", "bo@shop.cn"]),
        ('not(equals(email,"ada@shop.cn"))', ["bo@shop.cn", "o'neil@shop.cn"]),
        ("greater-than(created,2020-01-01T00:00:00Z)", ["ada@shop.cn", "bo@shop.cn", "o'neil@shop.cn"]),
        ("less-than(created,2020-01-01T00:00:00Z)", []),
    ],
)
async def test_a_filter_finds_the_matching_profiles(api, filter_, found):
    await fill(
        api, {"email": "ada@shop.cn", "external_id": "a,b)"}, {"email": "bo@shop.cn"}, {"email": "o'neil@shop.cn"}
    )
    assert sorted(await emails(api, filter=filter_)) == found


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"filter": 'equals(nope,"x")'}, "filter"),
        ({"filter": 'contains(email,"x")'}, "filter"),
        ({"filter": "equals(email"}, "filter"),
        ({"filter": 'equals(email,"x'}, "filter"),
        ({"filter": "greater-than(created,yesterday)"}, "filter"),
        ({"filter": "not(" * 200}, "filter"),
        ({"sort": "shoe_size"}, "sort"),
        ({"fields[profile]": "shoe_size"}, "fields[profile]"),
        ({"fields[shoe]": "size"}, "fields[shoe]"),
        ({"include": "shoes"}, "include"),
        ({"page[size]": "0"}, "page[size]"),
        ({"page[size]": "101"}, "page[size]"),
        ({"page[cursor]": "x"}, "page[cursor]"),
        ({"shoe": "1"}, "shoe"),
    ],
)
async def test_an_unknown_parameter_is_refused_with_its_name(api, query, parameter):
    problem = await api.refused(400, "GET", "/api/profiles", query=query)
    assert problem["source"] == {"parameter": parameter}


@pytest.mark.parametrize(
    ("query", "missing"),
    [
        ({"include": "push-tokens"}, "push-tokens"),
        ({"additional-fields[profile]": "predictive_analytics"}, "predictive_analytics"),
        ({"filter": 'equals(_kx,"x")'}, "_kx"),
    ],
)
async def test_a_parameter_that_the_sandbox_lacks_is_named(api, query, missing):
    problem = await api.refused(501, "GET", "/api/profiles", query=query)
    assert missing in problem["detail"]


async def test_a_write_that_answers_nothing_still_refuses_a_parameter_it_does_not_know(api):
    problem = await api.refused(400, "POST", "/api/events", {}, query={"fields[event]": "id"})
    assert problem["source"] == {"parameter": "fields[event]"}


async def test_a_slash_at_the_end_is_no_other_path(api):
    await fill(api, {"email": "ada@shop.cn"})
    page = await api.get("/api/profiles/", **{"page[size]": "1"})
    assert [one["attributes"]["email"] for one in page["data"]] == ["ada@shop.cn"]
    assert (await api.get(f"/api/profiles/{page['data'][0]['id']}/"))["data"]["type"] == "profile"
    assert "PATCH" in (await api.refused(405, "PATCH", "/api/profiles/", {}))["detail"]


async def test_sparse_fields_keep_the_named_fields_and_extra_fields_come_only_on_request(api):
    await fill(api, {"email": "ada@shop.cn", "location": {"city": "Hangzhou", "zip": "310000"}})
    [whole] = (await api.get("/api/profiles"))["data"]
    assert "subscriptions" not in whole["attributes"]
    [sparse] = (await api.get("/api/profiles", **{"fields[profile]": "email,location.city"}))["data"]
    assert sparse["attributes"] == {"email": "ada@shop.cn", "location": {"city": "Hangzhou"}}
    [more] = (await api.get("/api/profiles", **{"additional-fields[profile]": "subscriptions"}))["data"]
    assert more["attributes"]["subscriptions"]["sms"]["marketing"]["consent"] == "NEVER_SUBSCRIBED"


async def test_rows_are_sorted_both_ways(api):
    await fill(api, {"email": "bo@shop.cn"}, {"email": "ada@shop.cn"})
    assert await emails(api, sort="email") == ["ada@shop.cn", "bo@shop.cn"]
    assert await emails(api, sort="-email") == ["bo@shop.cn", "ada@shop.cn"]


@pytest.mark.parametrize("whole_link", [True, False])
async def test_pages_lead_on_and_back_also_while_rows_come_and_go(api, whole_link):
    await fill(api, *({"external_id": f"s{at}"} for at in range(7)))
    first = await api.get("/api/profiles", **{"page[size]": "3"})
    gone = first["data"][1]["id"]
    erase = {"type": "profile", "id": gone, "attributes": {}}
    body = {"data": {"type": "data-privacy-deletion-job", "attributes": {"profile": {"data": erase}}}}
    await api.write("POST", "/api/data-privacy-deletion-jobs", body)
    link = first["links"]["next"]
    if whole_link:
        # As the SDKs do with a server that is not reached by https.
        second = await api.get("/api/profiles", **{"page[size]": "3", "page[cursor]": link})
    else:
        second = await api.get(link)
    assert [one["attributes"]["external_id"] for one in second["data"]] == ["s3", "s4", "s5"]
    back = await api.get(second["links"]["prev"])
    assert back["links"]["prev"] is None


TEXTS = st.text(string.printable + "衣'\"\\", max_size=20)


def quoted(text: str, quote: str) -> str:
    return quote + "".join("\\" + one if one in {quote, "\\"} else one for one in text) + quote


@given(text=TEXTS, quote=st.sampled_from("\"'"))
def test_a_filter_accepts_any_text_in_either_quotes(text, quote):
    assert parse(f"equals(name,{quoted(text, quote)})") == Comparison("equals", "name", text)


values = st.one_of(st.booleans(), st.integers(), TEXTS, st.lists(TEXTS, max_size=3))
comparisons = st.builds(Comparison, st.sampled_from(["equals", "any", "less-than"]), st.just("a.b"), values)
filters = st.recursive(
    comparisons, lambda inner: st.builds(Logic, st.sampled_from(["and", "or"]), st.tuples(inner, inner)), max_leaves=6
)


def written(one) -> str:
    if isinstance(one, Logic):
        return f"{one.kind}({', '.join(map(written, one.parts))})"
    return f"{one.operator}({one.field},{literal(one.value)})"


def literal(value) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(literal, value))}]"
    return quoted(value, '"') if isinstance(value, str) else str(value).lower()


@given(wanted=filters)
def test_a_written_filter_is_read_back(wanted):
    assert parse(written(wanted)) == wanted


@given(text=st.text("equalsandornot(),[]\"'\\ a1.-", max_size=60))
def test_no_text_breaks_the_filters_parser(text):
    with suppress(GrammarError):
        parse(text)
