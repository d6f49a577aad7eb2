"""What a shopper had printed on a shirt reaches no terminal, template or profile: tags are the lexicon's words."""

import json
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from klaviyo_sink.dry_run import DryRun
from klaviyo_sink.sink import SinkConfig, Written, open_sink
from rules.lexicon.load import load_lexicon
from rules.tagger import Tagger
from schemas.codec import encode
from schemas.events import Engine, Identity, OutfitTagged, PhotoRead, Quality, TextLine, TextRecognized
from streams.agents.texts import tag
from streams.config.settings import Settings
from streams.telemetry.logs import set_up_logs

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOSTILE = {
    "a page's script": "<script>document.title='taken'</script>",
    "a template's variable": "{{ person.email }} {% for p in people %}",
    "a terminal's escapes": "\x1b[2J\x1b]0;taken\x07",
    "10 kB in a line": "A1Z" * 3400,
    "a line break in a log": 'x\n{"event": "planted"}',
}


def recognized(*texts: str) -> TextRecognized:
    lines = tuple(TextLine(text=one, bbox=(0, 30 * at, 100, 30 * at + 20), score=0.9) for at, one in enumerate(texts))
    return TextRecognized(
        upload_id="upload-1",
        shopper_id="shopper-1",
        uploaded_at=NOON,
        photo=PhotoRead(uri="file:///photo.jpg", sha256="0" * 64, width=100, height=100),
        identity=Identity(external_id="shopper-1"),
        texts=lines,
        quality=Quality(verdict="ok", sharpness=1.0),
        engine=Engine(name="scripted", model="none", revision="0"),
        recognized_at=NOON,
    )


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
async def test_hostile_text_is_in_no_request_to_klaviyo_and_in_no_log(text, tmp_path, capfd):
    """It is beside an honest line, and in one line with it: the honest tag comes through, the rest does not."""
    set_up_logs(Settings(log_format="json"))
    tagger, requests = Tagger(load_lexicon(None)), []
    config = SinkConfig(
        url="http://127.0.0.1:1",
        key=SecretStr("pk_none"),
        state_url=f"sqlite:///{tmp_path}/state.db",
        revision="2026-07-15",
        metric="Outfit Tagged",
    )
    sink = await open_sink(config, dry_run=DryRun(lambda request, body: requests.append(request.encode() + body)))
    try:
        for at, lines in enumerate(((text, "面料：100%棉"), (f"{text} 面料：100%棉",))):
            event = recognized(*lines).model_copy(update={"upload_id": f"upload-{at}"})
            answer = await tag(event, tagger=tagger, now=lambda: NOON)
            assert isinstance(answer, tuple)
            (tagged,) = answer
            assert isinstance(tagged, OutfitTagged)
            assert "material/cotton" in {one.id for one in tagged.tags}
            assert all(one.labels.en.isprintable() and one.labels.zh.isprintable() for one in tagged.tags)
            assert isinstance(await sink.sync(tagged), Written)
            # A reader of the event gets one line of JSON with any content.
            assert b"\n" not in encode(tagged, source="test")[0]
    finally:
        await sink.aclose()
    assert requests
    said = b"".join(requests).decode()
    for piece in (text, text[:20], json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
        assert piece not in said
    shown = capfd.readouterr()
    assert text[:20] not in shown.out + shown.err
