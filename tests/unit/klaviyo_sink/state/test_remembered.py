"""Shoppers with many uploads: a row for each, and an event costs the same with few as with many."""

import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from outfits import NOON, outfit
from remembered_by import remembered_by
from sqlalchemy import event

from klaviyo_sink.profile.interests import Interest, Interests
from klaviyo_sink.profile.style import MEMORY, StyleProfile, contribution, fold, unique_id
from klaviyo_sink.profile.wording import Wording
from klaviyo_sink.state.folding import UNREADABLE
from klaviyo_sink.state.memory import INLINE
from klaviyo_sink.state.migrations.versions import v0007_remembered_uploads as migration
from klaviyo_sink.state.settling import Write
from klaviyo_sink.state.store import open_state
from schemas.events import Identity, Labels, OutfitTagged

TAGS = ("material/cotton", "material/silk", "style/v-neck", "category/dress", "pattern/floral")
SILK = Interest("interest/silk", Labels(en="Silk", zh="丝"), (frozenset({"material/silk"}),), 3, timedelta(days=90))


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/state.db"


@pytest.fixture
def state(url):
    state = open_state(url, Wording(interests=Interests([SILK])))
    yield state
    state.close()


def numbered(number, *tags: str, **fields: Any):
    """Return an upload, each a day after the one before."""
    at = NOON + timedelta(days=number)
    return outfit(f"u{number}", *(tags or (TAGS[number % 5],)), **{"uploaded_at": at, "tagged_at": at} | fields)


def sync(state, *events: OutfitTagged):
    """Fold events, and settle their write as one that Klaviyo took."""
    folded = state.fold(events)
    named = {one.unique_id: event.upload_id for one, event in zip(folded, events, strict=True)}
    state.settle([Write(events[0].shopper_id, folded[0].ticket, folded[0].version, named)], at=NOON)
    return folded


@contextmanager
def raw(url):
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        yield connection
    connection.close()


def stored_rows(url):
    with raw(url) as connection:
        return connection.execute("SELECT count(*) FROM remembered_uploads").fetchone()[0]


@dataclass
class Work:
    """What one event costs: steps of SQLite, characters written, uploads summarized."""

    steps: int = 0
    written: int = 0
    summarized: int = 0


class CountingInterests(Interests):
    """Counts the uploads that are summarized."""

    work = Work()

    def counting(self, upload):
        self.work.summarized += 1
        return super().counting(upload)


def work_of_one_more(folder, remembered):
    """Sync one more upload of a shopper who has so many, and count."""
    interests = CountingInterests([SILK])
    state = open_state(f"sqlite:///{folder}/{remembered}.db", Wording(interests=interests))
    for number in range(remembered):
        sync(state, numbered(number))
    interests.work = work = Work()

    def step():
        work.steps += 1

    @event.listens_for(state._engine, "before_cursor_execute")
    def write(_connection, _cursor, _statement, parameters, *_rest: object):
        work.written += len(str(parameters))

    with state._engine.connect() as connection:
        connection.connection.dbapi_connection.set_progress_handler(step, 1)
    sync(state, numbered(remembered))
    state.close()
    return work


def test_an_event_costs_the_same_after_one_upload_as_after_as_many_as_are_remembered(tmp_path):
    one, few, many, full = (work_of_one_more(tmp_path, remembered) for remembered in (1, 20, MEMORY - 1, MEMORY))
    assert few.summarized == many.summarized == 1
    # The oldest upload is forgotten for the new one.
    assert full.summarized == one.summarized == 2
    for more in (few, many, full):
        assert more.written < 2 * one.written
        assert more.steps < 2 * one.steps
    assert many.written < 1.1 * few.written
    assert many.steps == few.steps


numbers = st.integers(0, 9)
batches = st.lists(
    st.lists(
        st.builds(
            # Also an upload that is posted anew at another time.
            lambda number, tags, day, later: numbered(
                number,
                *sorted(tags),
                tagged_at=NOON + timedelta(days=day),
                **({"uploaded_at": NOON + timedelta(days=number + 10)} if later else {}),
            ),
            numbers,
            st.sets(st.sampled_from(TAGS), min_size=1),
            st.integers(0, 30),
            st.sampled_from([False] * 5 + [True]),
        ),
        min_size=1,
        max_size=4,
    ),
    max_size=6,
)


@settings(
    suppress_health_check=list(HealthCheck),
    max_examples=60,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
)
@given(batches, st.sampled_from([0, 2, 8]), st.sampled_from([3, 5, 200]))
def test_any_batches_in_any_form_store_and_say_the_plain_fold(made, inline, memory):
    wording = Wording(interests=Interests([SILK]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("klaviyo_sink.state.memory.INLINE", inline)
        patch.setattr("klaviyo_sink.state.memory.MEMORY", memory)
        state = open_state("sqlite://", wording)
        for done in range(1, len(made) + 1):
            [*_, folded] = sync(state, *made[done - 1])
            plain = fold(StyleProfile(), [contribution(one) for batch in made[:done] for one in batch], memory=memory)
            assert remembered_by(state) == plain
            assert folded.properties == wording.properties(plain, folded.version)
        state.close()


def test_a_row_of_an_older_version_is_split_by_the_next_upload(state, url):
    uploads = [numbered(number) for number in range(MEMORY)]
    old = fold(StyleProfile(), map(contribution, uploads))
    sync(state, uploads[0])
    with raw(url) as connection:
        connection.execute("UPDATE style_profiles SET profile = ?", (old.stored(),))
    [known] = state.fold([uploads[7]])
    assert known.alone
    assert stored_rows(url) == MEMORY
    sync(state, numbered(MEMORY))
    assert remembered_by(state) == fold(old, [contribution(numbered(MEMORY))])


def test_few_uploads_stay_in_the_row_and_need_no_row_of_their_own(state, url):
    for number in range(INLINE):
        sync(state, numbered(number))
    assert stored_rows(url) == 0
    sync(state, numbered(INLINE))
    assert stored_rows(url) == INLINE + 1


def test_other_rules_apply_to_all_remembered_uploads(state, url):
    for number in range(INLINE + 10):
        [folded] = sync(state, numbered(number))
    assert folded.properties["outfit_interests"] == ("silk",)
    stricter = open_state(url, Wording(interests=Interests([replace(SILK, uploads=5)])))
    [folded] = stricter.fold([numbered(0)])
    assert folded.properties["outfit_interests"] == ()
    stricter.close()


def many(state, url, shopper="s1"):
    sync(state, *(numbered(number, shopper_id=shopper) for number in range(INLINE + 1)))
    return url


@pytest.mark.parametrize(
    ("damage", "event"),
    [
        ("UPDATE style_profiles SET profile = '{\"summary\":{}}'", numbered(99)),
        ("UPDATE style_profiles SET profile = replace(profile, ']', '')", numbered(99)),
        (
            "UPDATE style_profiles SET profile = replace(profile, 'material/cotton', 'x')",
            numbered(0, "material/silk", tagged_at=NOON + timedelta(days=9)),
        ),
        ("UPDATE style_profiles SET profile = replace(profile, '\"newest\":', '\"newest\":9999')", numbered(99)),
        ("UPDATE style_profiles SET profile = replace(profile, '\"as_of\":', '\"as_of\":9999')", numbered(99)),
        ("UPDATE remembered_uploads SET contribution = '[' WHERE upload_id = 'u0'", numbered(0)),
    ],
)
def test_a_damaged_row_affects_only_its_own_shopper(state, url, damage, event):
    many(state, url)
    many(state, url, "s2")
    with raw(url) as connection:
        connection.execute(f"{damage}{' AND' if 'WHERE' in damage else ' WHERE'} shopper_id = 's1'")
    mine, other = state.fold([event, numbered(99, shopper_id="s2")])
    assert mine is UNREADABLE
    assert other.version > 1


def test_uploads_that_are_missing_are_noticed_when_all_are_needed(state, url):
    many(state, url)
    with raw(url) as connection:
        connection.execute("DELETE FROM remembered_uploads WHERE upload_id = 'u3'")
    other = open_state(url)
    assert other.fold([numbered(99)]) == [UNREADABLE]
    other.close()


def test_a_shopper_whose_row_an_operator_deleted_starts_again(state, url):
    many(state, url)
    with raw(url) as connection:
        connection.execute("DELETE FROM style_profiles")
    again = [numbered(50 + number) for number in range(INLINE + 1)]
    state.fold(again)
    assert remembered_by(state) == fold(StyleProfile(), map(contribution, again))


def test_forgetting_deletes_every_row(state, url, forget_shopper):
    many(state, url, "shopper-7")
    forget_shopper(url, "shopper-7")
    with raw(url) as connection:
        assert "shopper-7" not in "\n".join(connection.iterdump())


def test_a_forgotten_old_upload_that_comes_again_may_have_been_sent(state):
    for number in range(MEMORY + 1):
        sync(state, numbered(number))
    renamed = numbered(0, identity=Identity(email="ada@shop.cn"))
    [old] = state.fold([renamed])
    assert unique_id(renamed) == old.unique_id != unique_id(numbered(0))
    assert old.known


def test_the_migration_back_puts_the_uploads_into_the_rows(state, url):
    many(state, url)
    sync(state, numbered(1, shopper_id="s2"))
    before = remembered_by(state)
    with state._engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        migration.downgrade()
    with raw(url) as connection:
        rows = dict(connection.execute("SELECT shopper_id, profile FROM style_profiles").fetchall())
    assert StyleProfile.read(rows["s1"]) == before
    assert len(StyleProfile.read(rows["s2"]).uploads) == 1
