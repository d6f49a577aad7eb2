"""
Finds the tags of recognized lines, and of what was seen, with the evidence of each and the reasons for all others.

Pure: has a compiled lexicon and nothing else. Knows no photos, queues or profiles.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from pydantic import TypeAdapter

from rules.evidence.findings import Finding, findings_on
from rules.evidence.sight import Sighting, Sights
from rules.evidence.vocabulary import MATERIAL, Vocabulary
from rules.lexicon.load import Lexicon
from rules.text.page import page_of
from schemas.events import Labels, Seen, Tag, TextLine

#: Below this score OCR invents words (measured on blurred photos), so such lines are ignored.
LEAST_SCORE = 0.6
#: Most evidence per tag.
_MOST_EVIDENCE = 5
#: A finding that gives tags, and the evidence lists of these tags.
_Support = tuple[Finding, list[dict[str, Any]]]
_TAGS = TypeAdapter(tuple[Tag, ...])


@dataclass(frozen=True, slots=True)
class Tagging:
    """What was found in a photo's lines."""

    #: Sorted by id.
    tags: tuple[Tag, ...]
    #: Everything found, in reading order.
    findings: tuple[Finding, ...]
    #: The lines in the form that was compared, between line breaks.
    text: str = field(repr=False)
    #: The recognized lines in reading order, without ignored ones.
    lines: tuple[TextLine, ...] = field(default=(), repr=False)
    #: What a look at the picture showed, judged.
    sightings: tuple[Sighting, ...] = ()

    @property
    def normalized(self) -> tuple[str, ...]:
        """The lines in reading order, in the form that was compared."""
        return tuple(self.text[1:-1].split("\n"))

    @property
    def suppressed(self) -> tuple[Finding, ...]:
        """The findings that are no tag, each with its `reason`."""
        return tuple(finding for finding in self.findings if finding.reason is not None)


class Tagger:
    """A compiled lexicon. Immutable and thread-safe; a reload creates a new one."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self._vocabulary = Vocabulary(lexicon)
        self._sights = Sights(lexicon, self._vocabulary.brought)

    def tag(self, lines: Sequence[TextLine], seen: Seen | None = None) -> Tagging:
        """
        Find the tags in a photo's recognized lines, in any order, and in what a look at it showed.

        A tag's score is that of its best evidence: the OCR score of the line times the quality of the finding
        (`rules.evidence.findings.QUALITY`). It is within 0..1 and never falls when the OCR score rises. Lines with a
        score below `LEAST_SCORE` are ignored.
        """
        readable = [line for line in lines if line.score >= LEAST_SCORE]
        if not readable:
            return self._tagging((), "", (), lines, seen)
        page = page_of(readable, self._vocabulary.repair.repaired)
        return self._tagging(tuple(findings_on(page, self._vocabulary)), page.text, tuple(page.lines), lines, seen)

    def brought_by(self, tag_id: str) -> tuple[str, ...]:
        """Return the tags that a tag implies, the tag itself first."""
        return self._vocabulary.brought.get(tag_id, (tag_id,))

    def _tagging(
        self,
        findings: tuple[Finding, ...],
        text: str,
        ordered: tuple[TextLine, ...],
        lines: Sequence[TextLine],
        seen: Seen | None,
    ) -> Tagging:
        given = {one["id"]: one for one in self._tags(findings, lines)}
        sightings = self._sights.judge(seen.values, given) if seen is not None else ()
        self._add_seen(given, sightings)
        # Plain values, which one call validates and completes. That takes half the time.
        tags = _TAGS.validate_python(tuple(given[tag_id] for tag_id in sorted(given)))
        return Tagging(tags, findings, text, ordered, sightings)

    def _add_seen(self, given: dict[str, dict[str, Any]], sightings: Sequence[Sighting]) -> None:
        """Add the tags that were seen. A tag that was also read gets this evidence after that from the text."""
        for one in sorted(sightings, key=lambda one: -one.score):
            if one.reason is not None:
                continue
            proof = {"kind": "seen", "text": "", "bbox": one.bbox, "rule": one.tag, "score": one.score}
            for tag_id in self._sights.brought[one.tag]:
                category, _, value = tag_id.partition("/")
                tag = given.setdefault(
                    tag_id,
                    {
                        "id": tag_id,
                        "category": category,
                        "value": value,
                        "labels": self._vocabulary.labels[tag_id],
                        "score": 0.0,
                        "evidence": (),
                    },
                )
                tag["score"] = max(tag["score"], round(one.score, 4))
                tag["evidence"] = (*tag["evidence"], proof)[:_MOST_EVIDENCE]

    def _tags(self, findings: Sequence[Finding], lines: Sequence[TextLine]) -> Iterator[dict[str, Any]]:
        # Find lines by identity, because a photo may contain the same words twice.
        places = dict(zip(map(id, lines), count(), strict=False))
        given: dict[str, list[_Support]] = {}
        for finding in findings:
            if finding.reason is None:
                proofs = [_evidence(finding, finding.line, places)]
                if finding.second is not None:
                    proofs.append(_evidence(finding, finding.second, places))
                support = finding, proofs
                for tag_id in self._vocabulary.brought.get(finding.tag, (finding.tag,)):
                    given.setdefault(tag_id, []).append(support)
        for tag_id, supports in given.items():
            if len(supports) > 1:
                supports.sort(key=_worst_last)
            category, _, value = tag_id.partition("/")
            shares = {one.tag: one.share for one, _ in supports if one.share} if category == MATERIAL else {}
            best, _ = supports[0]
            yield {
                "id": tag_id,
                "category": category,
                "value": value,
                "labels": self._vocabulary.labels.get(tag_id) or Labels(en=str(best.label), zh=str(best.label)),
                "score": round(best.score, 4),
                "share": min(sum(shares.values()), 100.0) if shares else None,
                "share_unsure": bool(shares) and any(one.unsure for one, _ in supports),
                "evidence": tuple(
                    [one for _, evidence in supports[:_MOST_EVIDENCE] for one in evidence][:_MOST_EVIDENCE]
                ),
            }


def _worst_last(support: _Support) -> float:
    return -support[0].score


def _evidence(finding: Finding, line: TextLine, places: Mapping[int, int]) -> dict[str, Any]:
    return {"text": line.text, "bbox": line.bbox, "rule": finding.rule, "line": places[id(line)]}
