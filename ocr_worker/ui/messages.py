"""The page's texts, in Chinese and in English. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Language = Literal["zh", "en"]


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language. `ocr_worker.ui.view` fills in the braces."""

    photo: str
    engine: str
    samples: str
    waiting: str
    #: Headings by verdict, by refusal code, and for a photo that could not be read at the moment.
    verdicts: Mapping[str, str]
    refusals: Mapping[str, str]
    unavailable: str
    facts: tuple[str, ...]
    tags: str
    no_tags: str
    evidence: str
    #: Evidence that is a place in the picture.
    seen: str
    score: str
    line: str
    box: str
    #: Name of the result's picture.
    result: str
    legend: str
    steps: str
    before: str
    lifted: str
    untouched: str
    closer: str
    not_told: str
    timings: str
    duration: str
    share: str
    #: Names of the steps in `Reading.timings_ms`, and of the rules.
    laps: Mapping[str, str]


_ZH = Words(
    photo="照片：拖入、粘贴（Ctrl+V）或点选",
    engine="识别引擎",
    samples="示例照片，点一张试试",
    waiting="放入一张照片，这里会显示识别出的文字、标签和依据。",
    verdicts=MappingProxyType(
        {
            "ok": "清晰可读",
            "blurry": "模糊",
            "no_text": "没有文字",
            "cut_off": "没有读完",
            "too_long": "图片过长",
            "mirrored": "镜像图片",
            "script_unsupported": "有暂不支持的文字",
        }
    ),
    refusals=MappingProxyType(
        {"unreadable": "照片已损坏", "too_large": "照片过大", "unsupported": "不支持这种文件"},
    ),
    unavailable="暂时没有识别",
    facts=("清晰度 {sharpness:.0f}", "{lines} 行文字", "{seconds:.1f} 秒"),
    tags="标签",
    no_tags="没有标签",
    evidence="依据",
    seen="看图得出",
    score="得分",
    line="文字",
    box="位置（像素）",
    result="照片和识别出的文字框",
    legend="橙色的行是标签的依据",
    steps="预处理：之前与之后",
    before="之前：解码后的小图，{width} × {height}",
    lifted="之后：{percent} 的小块提高了对比度",
    untouched="之后：对比度足够，没有改动",
    closer="虚线框内用原图又看了一次：{count} 处",
    not_told="这个引擎不做对比度处理，也不看第二次。",
    timings="步骤",
    duration="用时",
    share="占比",
    laps=MappingProxyType(
        {
            "decode": "解码",
            "prepare": "预处理",
            "queue": "排队",
            "engine": "识别",
            "finish": "整理",
            "look": "看图",
            "rules": "打标签",
            "total": "合计",
        }
    ),
)

_EN = Words(
    photo="Photo: drop it, paste it (Ctrl+V) or click",
    engine="Engine",
    samples="Sample photos: click one",
    waiting="Add a photo to see its text, its tags and their evidence here.",
    verdicts=MappingProxyType(
        {
            "ok": "Readable",
            "blurry": "Blurry",
            "no_text": "No text",
            "cut_off": "Cut off",
            "too_long": "Too long",
            "mirrored": "Mirrored",
            "script_unsupported": "Script not supported",
        }
    ),
    refusals=MappingProxyType(
        {"unreadable": "Damaged photo", "too_large": "Photo too large", "unsupported": "Not a supported photo format"},
    ),
    unavailable="Cannot be read at the moment",
    facts=("sharpness {sharpness:.0f}", "{lines} lines", "{seconds:.1f} s"),
    tags="Tags",
    no_tags="No tags",
    evidence="Evidence",
    seen="seen in the picture",
    score="Score",
    line="Line",
    box="Box (px)",
    result="The photo with boxes around the recognized lines",
    legend="orange lines are evidence of a tag",
    steps="Preprocessing: before and after",
    before="Before: the decoded small picture, {width} × {height}",
    lifted="After: contrast raised in {percent} of the tiles",
    untouched="After: unchanged, the contrast was high enough",
    closer="dashed boxes were read again from the full photo: {count}",
    not_told="This engine does not show contrast changes or a second look.",
    timings="Step",
    duration="Time",
    share="Share",
    laps=MappingProxyType(
        {
            "decode": "decode",
            "prepare": "prepare",
            "queue": "queue",
            "engine": "engine",
            "finish": "finish",
            "look": "look",
            "rules": "rules",
            "total": "total",
        }
    ),
)

WORDS: Mapping[Language, Words] = MappingProxyType({"zh": _ZH, "en": _EN})


def preferred(accept_language: str) -> Language:
    """Return the page's language by the first one in Accept-Language: Chinese for Chinese, else English."""
    return "zh" if accept_language.strip().lower().startswith("zh") else "en"
