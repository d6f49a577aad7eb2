"""
Renders the result of one photo as HTML. Pure: knows no Gradio.

All text from a photo goes through `escape`, so markup in it is shown as text.
"""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import NamedTuple, TypeAlias

from ocr_worker.result import Refused
from ocr_worker.ui.messages import WORDS, Language, Words
from ocr_worker.ui.trial import Trial
from schemas.events import BBox, Evidence, Tag, TextLine
from schemas.outcomes import Later, Misconfigured

Outcome: TypeAlias = Trial | Refused | Later | Misconfigured

#: Radius of a line number: half the line's height, limited to these shares of the photo's long side.
_LEAST_RADIUS, _MOST_RADIUS = 0.009, 0.016


class View(NamedTuple):
    """One HTML fragment per area of the page."""

    verdict: str = ""
    photo: str = ""
    tags: str = ""
    lines: str = ""
    steps: str = ""
    timings: str = ""


def view(outcome: Outcome | None, language: Language) -> View:
    """Render the outcome of a photo; None: no photo yet."""
    words = WORDS[language]
    if outcome is None:
        return View(verdict=f'<p class="hangtag-verdict">{escape(words.waiting)}</p>')
    if not isinstance(outcome, Trial):
        heading = words.refusals[outcome.code] if isinstance(outcome, Refused) else words.unavailable
        return View(verdict=_verdict("refused", heading, outcome.message))
    lines = outcome.reading.texts
    numbers = {(line.text, line.bbox): number for number, line in enumerate(lines, 1)}
    proven = {numbers.get((one.text, one.bbox), 0) for tag in outcome.tags for one in tag.evidence}
    return View(
        verdict=_quality(outcome, words),
        photo=_photo(outcome, proven, words),
        tags=_tags(outcome.tags, numbers, language),
        lines=_lines(lines, proven, words) if lines else "",
        steps=_steps(outcome, words),
        timings=_timings(outcome, words),
    )


def _verdict(kind: str, heading: str, detail: str) -> str:
    return f'<p class="hangtag-verdict {kind}"><strong>{escape(heading)}</strong> <span>{escape(detail)}</span></p>'


def _quality(trial: Trial, words: Words) -> str:
    reading = trial.reading
    quality, engine = reading.quality, reading.engine
    seconds = (reading.timings_ms["total"] + trial.rules_ms) / 1000
    numbers = {"sharpness": quality.sharpness, "lines": len(reading.texts), "seconds": seconds}
    facts = [fact.format(**numbers) for fact in words.facts]
    if quality.hint:
        facts.insert(0, quality.hint)
    facts.append(f"{engine.model} ({engine.revision})")
    return _verdict(quality.verdict, words.verdicts[quality.verdict], " · ".join(facts))


def _photo(trial: Trial, proven: set[int], words: Words) -> str:
    size = (trial.reading.image.width, trial.reading.image.height)
    lines = trial.reading.texts
    # Draw all boxes first, so that no box covers a number.
    boxes = "".join(_box(line, proven=number in proven) for number, line in enumerate(lines, 1))
    boxes += "".join(
        dict.fromkeys(_garment(one.bbox) for tag in trial.tags for one in tag.evidence if one.kind == "seen")
    )
    marks = "".join(_mark(number, line.bbox, size, proven=number in proven) for number, line in enumerate(lines, 1))
    legend = f"<figcaption>{escape(words.legend)}</figcaption>" if proven else ""
    return f"<figure>{_picture(trial.jpeg, size, boxes + marks, words.result)}{legend}</figure>"


def _box(line: TextLine, *, proven: bool) -> str:
    x1, y1, x2, y2 = line.bbox
    title = f"<title>{escape(line.text)} ({line.score:.2f})</title>"
    rect = f'<rect x="{x1}" y="{y1}" width="{x2 - x1}" height="{y2 - y1}">{title}</rect>'
    return f'<g class="{_kind(proven=proven)}">{rect}</g>'


def _garment(bbox: BBox) -> str:
    x1, y1, x2, y2 = bbox
    return f'<rect class="seen" x="{x1}" y="{y1}" width="{x2 - x1}" height="{y2 - y1}"/>'


def _mark(number: int, bbox: BBox, size: tuple[int, int], *, proven: bool) -> str:
    """Draw a number to the left of its line, or over the line's left end if there is no room."""
    x1, y1, _, y2 = bbox
    longest = max(size)
    radius = min(max((y2 - y1) / 2, _LEAST_RADIUS * longest), _MOST_RADIUS * longest)
    x, y = max(x1 - radius, radius), (y1 + y2) / 2
    circle = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>'
    text = f'<text x="{x:.1f}" y="{y:.1f}" font-size="{radius * 1.2:.1f}">{number}</text>'
    return f'<g class="{_kind(proven=proven)}">{circle}{text}</g>'


def _picture(jpeg: bytes, size: tuple[int, int], over: str, name: str) -> str:
    """Draw a picture with marks over it. Screen readers read `name` instead."""
    width, height = size
    image = f'<image width="{width}" height="{height}" href="data:image/jpeg;base64,{b64encode(jpeg).decode()}"/>'
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(name)}">{image}{over}</svg>'


def _tags(tags: Sequence[Tag], numbers: dict[tuple[str, BBox], int], language: Language) -> str:
    words = WORDS[language]
    if not tags:
        return f'<p class="hangtag-none">{escape(words.no_tags)}</p>'
    rows = [
        (
            f"<strong>{escape(getattr(tag.labels, language))}</strong>{_share(tag)}<br><code>{escape(tag.id)}</code>",
            f"{tag.score:.2f}",
            "<br>".join(_evidence(one, numbers, words) for one in tag.evidence),
        )
        for tag in tags
    ]
    return _table((words.tags, words.score, words.evidence), rows)


def _share(tag: Tag) -> str:
    return "" if tag.share is None else f" {tag.share:g} %{'?' * tag.share_unsure}"


def _evidence(evidence: Evidence, numbers: dict[tuple[str, BBox], int], words: Words) -> str:
    if evidence.kind == "seen":
        return f"<em>{escape(words.seen)}</em> {evidence.score or 0:.2f}<br><code>{escape(evidence.rule)}</code>"
    number = numbers.get((evidence.text, evidence.bbox))
    mark = "" if number is None else _number(number, proven=True)
    return f"{mark} {escape(evidence.text)}<br><code>{escape(evidence.rule)}</code>"


def _lines(lines: Sequence[TextLine], proven: set[int], words: Words) -> str:
    rows = [
        (
            f"{_number(number, proven=number in proven)} {escape(line.text)}",
            f"{line.score:.2f}",
            "{}, {} – {}, {}".format(*line.bbox),
        )
        for number, line in enumerate(lines, 1)
    ]
    return _table((words.line, words.score, words.box), rows)


def _steps(trial: Trial, words: Words) -> str:
    width, height = trial.size
    before = words.before.format(width=width, height=height)
    shown = f"<figure>{_picture(trial.jpeg, trial.size, '', before)}<figcaption>{escape(before)}</figcaption></figure>"
    if trial.given is None:
        return f"{shown}<p>{escape(words.not_told)}</p>"
    after = words.lifted.format(percent=f"{trial.lifted:.0%}") if trial.lifted else words.untouched
    if trial.closer:
        after += f" · {words.closer.format(count=len(trial.closer))}"
    looks = "".join(
        f'<rect class="closer" x="{x1:.0f}" y="{y1:.0f}" width="{x2 - x1:.0f}" height="{y2 - y1:.0f}"/>'
        for x1, y1, x2, y2 in trial.closer
    )
    picture = _picture(trial.given, trial.size, looks, after)
    return f"{shown}<figure>{picture}<figcaption>{escape(after)}</figcaption></figure>"


def _timings(trial: Trial, words: Words) -> str:
    laps = dict(trial.reading.timings_ms)
    total = laps.pop("total") + trial.rules_ms
    laps |= {"rules": trial.rules_ms, "total": total}
    rows = [
        (
            escape(words.laps.get(name, name)),
            f"{ms:.1f} ms",
            f'<div class="bar" style="width:{100 * ms / max(total, 1e-9):.1f}%"></div>',
        )
        for name, ms in laps.items()
    ]
    return _table((words.timings, words.duration, words.share), rows)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Build a table. Escapes the headings; the cells must be HTML already."""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _number(number: int, *, proven: bool) -> str:
    return f'<b class="number {_kind(proven=proven)}">{number}</b>'


def _kind(*, proven: bool) -> str:
    return "proven" if proven else "plain"
