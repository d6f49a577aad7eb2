"""
Lines in, tags out, with the evidence for each and the reason for whatever was found and is no tag.

Pure: holds a compiled lexicon and nothing else. Knows no photos, queues or profiles.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rules.findings import Finding, findings_on
from rules.lexicon import Lexicon
from rules.page import page_of
from rules.vocabulary import MATERIAL, Vocabulary
from schemas.events import Evidence, Labels, Tag, TextLine

#: Below this score OCR invents words (measured on blurred photos): such lines give nothing.
LEAST_SCORE = 0.6
#: Evidence kept for one tag.
_MOST_EVIDENCE = 5


@dataclass(frozen=True, slots=True)
class Tagging:
    """What was found in a photo's lines."""

    #: Sorted by id.
    tags: tuple[Tag, ...]
    #: Everything found, in reading order.
    findings: tuple[Finding, ...]
    #: The lines as they were compared, between line breaks.
    text: str = field(repr=False)

    @property
    def normalized(self) -> tuple[str, ...]:
        """The lines in reading order, as they were compared."""
        return tuple(self.text[1:-1].split("\n"))

    @property
    def suppressed(self) -> tuple[Finding, ...]:
        """What was found and is no tag, each with its `reason`."""
        return tuple(finding for finding in self.findings if finding.reason is not None)


class Tagger:
    """A lexicon at work. Immutable and safe to share between threads; a reload makes a new one."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self._vocabulary = Vocabulary(lexicon)

    def tag(self, lines: Sequence[TextLine]) -> Tagging:
        """
        Find the tags in a photo's recognized lines, in any order.

        A tag's score is that of its best evidence: the OCR score of the line times how it was found
        (`rules.findings.QUALITY`). It stays within 0..1 and never falls when the OCR score rises. Lines
        that score below `LEAST_SCORE` are passed over.
        """
        readable = [line for line in lines if line.score >= LEAST_SCORE]
        if not readable:
            return Tagging((), (), "")
        page = page_of(readable, self._vocabulary.repair.repaired)
        findings = tuple(findings_on(page, self._vocabulary))
        return Tagging(tuple(self._tags(findings)), findings, page.text)

    def brought_by(self, tag_id: str) -> tuple[str, ...]:
        """List the tags that come with a tag, itself first."""
        return self._vocabulary.brought.get(tag_id, (tag_id,))

    def _tags(self, findings: Sequence[Finding]) -> Iterator[Tag]:
        given: dict[str, list[Finding]] = {}
        for finding in findings:
            if finding.reason is None:
                for tag_id in self._vocabulary.brought.get(finding.tag, (finding.tag,)):
                    given.setdefault(tag_id, []).append(finding)
        for tag_id, support in sorted(given.items()):
            if len(support) > 1:
                support.sort(key=_worst_last)
            category, _, value = tag_id.partition("/")
            shares = {one.tag: one.share for one in support if one.share} if category == MATERIAL else {}
            best = support[0]
            yield Tag(
                id=tag_id,
                category=category,
                value=value,
                labels=self._vocabulary.labels.get(tag_id) or Labels(en=str(best.label), zh=str(best.label)),
                score=round(best.score, 4),
                share=min(sum(shares.values()), 100.0) if shares else None,
                evidence=tuple([_evidence(one) for one in support[:_MOST_EVIDENCE]]),
            )


def _worst_last(finding: Finding) -> float:
    return -finding.score


def _evidence(finding: Finding) -> Evidence:
    return Evidence(text=finding.line.text, bbox=finding.line.bbox, rule=finding.rule)
