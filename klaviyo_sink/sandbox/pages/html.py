"""
Writes HTML. Every text is escaped unless it is `Html`, so no outside value becomes markup.

One style for light and dark, and for phones: tables become cards in a narrow window.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

STYLE: Final = """
:root{color-scheme:light dark;--ink:#1c1c1e;--dim:#5f6368;--line:#d9dce1;--ground:#fff;--card:#f6f7f9;--accent:#0b5cad;
--good:#1a7f37;--warn:#9a6700;--bubble:#e6e9ee}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--dim:#a3a9b2;--line:#3c4047;--ground:#16181c;--card:#1f2228;
--accent:#7cb7ff;--good:#6fdc8c;--warn:#f0c04a;--bubble:#2c3038}}
*{box-sizing:border-box}body{font:15px/1.5 system-ui,"Noto Sans CJK SC",sans-serif;margin:0 auto;max-width:72rem;
padding:1rem;color:var(--ink);background:var(--ground);overflow-wrap:anywhere}
a{color:var(--accent)}h1{font-size:1.4rem;margin:.2rem 0}h2{font-size:1.1rem;margin:1.6rem 0 .5rem}
nav{display:flex;flex-wrap:wrap;gap:.3rem 1rem;padding:.5rem 0;border-bottom:1px solid var(--line)}
nav [aria-current]{font-weight:600;color:var(--ink);text-decoration:none}nav .end{margin-left:auto}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid var(--line);
vertical-align:top}th{color:var(--dim);font-weight:500;font-size:.85rem}
dl{display:grid;grid-template-columns:minmax(6rem,max-content) 1fr;gap:.1rem .8rem;margin:0}
dt{color:var(--dim)}dd{margin:0}
.card{background:var(--card);border:1px solid var(--line);border-radius:.7rem;padding:.8rem 1rem;margin:.6rem 0}
.dim{color:var(--dim)}.tag{border:1px solid currentColor;border-radius:1rem;padding:0 .55rem;font-size:.8rem;
display:inline-block}
.tag.sent,.tag.live,.tag.SUBSCRIBED{color:var(--good)}
.tag.waiting,.tag.draft,.tag.skipped,.tag.manual,.tag.UNSUBSCRIBED{color:var(--warn)}.card h2:first-child{margin-top:0}
main{padding-top:.8rem}
.phones{display:flex;flex-wrap:wrap;gap:1rem}.phone{width:20rem;max-width:100%;border:1px solid var(--line);
border-radius:1.6rem;padding:1rem;background:var(--card)}.phone h2{font-size:.95rem;text-align:center;margin:0 0 .8rem}
.bubble{background:var(--bubble);border-radius:1.1rem 1.1rem 1.1rem .3rem;padding:.6rem .9rem;margin:.2rem 0;
white-space:pre-wrap}.bubble.skipped,.bubble.draft{border:1px dashed var(--warn);background:none;color:inherit}
.under{font-size:.8rem;color:var(--dim);margin:0 0 .8rem .3rem}ol.line{list-style:none;margin:0;padding:0 0 0 1rem;
border-left:2px solid var(--line)}ol.line li{margin:0 0 .8rem;padding-left:.4rem}
:target{outline:2px solid var(--accent);
outline-offset:.3rem;border-radius:.3rem}ul{margin:0;padding-left:1.2rem}
@media(max-width:40rem){thead{display:none}tr{display:block;border-bottom:1px solid var(--line);padding:.4rem 0}
td{display:grid;grid-template-columns:6.5rem 1fr;gap:.5rem;border:0;padding:.15rem 0}td::before{content:attr(data-name);
color:var(--dim)}td[colspan]{display:block}nav .end{margin-left:0}dl{grid-template-columns:1fr}dd{margin:0 0 .3rem}}
"""


class Html(str):
    """Markup, which is not escaped again."""

    __slots__ = ()


def text(value: Any) -> str:
    """Escape a text, unless it is markup."""
    return value if isinstance(value, Html) else escape(str(value))


def tag(name: str, *inner: Any, **attributes: Any) -> Html:
    """Return an element. `class_` and `data_name` become `class` and `data-name`; None omits one."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{said}>{''.join(text(one) for one in inner)}</{name}>")


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]], nothing: str) -> Html:
    """Return a table. Each cell has its column's name, for windows too narrow for columns."""
    written = [
        tag("tr", *(tag("td", tag("div", cell), data_name=head) for head, cell in zip(heads, row, strict=True)))
        for row in rows
    ]
    if not written:
        written = [tag("tr", tag("td", nothing, colspan=len(heads)))]
    head = tag("tr", *(tag("th", one, scope="col") for one in heads))
    return tag("table", tag("thead", head), tag("tbody", *written))


def pairs(values: Mapping[str, Any], empty: str) -> Html:
    """Return names with their values."""
    return tag("dl", *(Html(tag("dt", name) + tag("dd", shown(value, empty))) for name, value in values.items()))


def shown(value: Any, empty: str) -> Any:
    """Return a value for people: lists with commas, and a word for an empty value."""
    if value in (None, "", [], {}):
        return tag("span", empty, class_="dim")
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    return value


def mark(status: str, said: str) -> Html:
    """Return a status as a small coloured mark."""
    return tag("span", said, class_=f"tag {status if status.isidentifier() else ''}".strip())
