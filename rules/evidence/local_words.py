"""
Words that mean different things in different languages: "robe" is a dress in French, "Rock" a skirt in German.

Pure. Detects a page's languages by everyday words, and by words for tags that only one language has. Knows no tags.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from rules.lexicon.languages import Language
from rules.text.match import Match, Term
from rules.text.normalize import normal_words

#: The language of words that count everywhere.
_GLOBAL = "en"
_WORD = re.compile(r"[^\W\d_]+")


class LocalWords:
    """Chooses, for each match of a local word, its meaning in the language of the page."""

    def __init__(
        self, languages: Sequence[Language], terms: Iterable[tuple[str, Term]], english: Iterable[str]
    ) -> None:
        """Prepare the languages, pairs of a language and its local term, and the English labels of tags."""
        self._languages = [one.language for one in languages]
        #: The languages of each everyday word.
        self._speakers: dict[str, list[str]] = {}
        for one in languages:
            for cue in set(normal_words(list(one.cues))):
                self._speakers.setdefault(cue, []).append(one.language)
        for word, language in _own_words(languages, english).items():
            self._speakers.setdefault(word, [language])
        local = set(normal_words([word for one in languages for words in one.local.values() for word in words]))
        #: Without local words, which are no evidence of their own language: "lana" alone is not Italian.
        self._telling = {word: names for word, names in self._speakers.items() if word not in local}
        self._meanings: dict[str, dict[str, Term]] = {}
        for language, term in terms:
            self._meanings.setdefault(term.text, {})[language] = term

    def resolved(self, text: str, matches: Sequence[Match]) -> list[Match]:
        """Return the matches with local words replaced by their meaning; without words of languages not on the page."""
        if self._meanings.keys().isdisjoint([match.term.text for match in matches]):
            return list(matches)
        spoken = self._spoken(text)
        found: list[Match] = []
        for match in matches:
            meanings = self._meanings.get(match.term.text)
            term = self._meaning(match.term.text, meanings, spoken) if meanings else None
            if term is not None:
                found.append(match._replace(term=term))
            elif match.term.kind != "local":
                found.append(match)
        return found

    def _meaning(self, word: str, meanings: Mapping[str, Term], spoken: Sequence[str]) -> Term | None:
        """Return a word's meaning in a language of the page, unless it is an everyday word in another one of them."""
        others = set(self._speakers.get(word, ())).intersection(spoken)
        return next((meanings[name] for name in spoken if name in meanings and others <= {name}), None)

    def _spoken(self, text: str) -> list[str]:
        """Return the languages with the most words on the page; none for English, which has no local words."""
        words = self._telling.keys() & _WORD.findall(text)
        shown = Counter([language for word in words for language in self._telling[word]])
        most = max(shown.values(), default=0)
        if shown[_GLOBAL] == most:
            return []
        return [language for language in self._languages if shown[language] == most]


def _own_words(languages: Sequence[Language], english: Iterable[str]) -> dict[str, str]:
    """Return the words for tags that only one language has, and English has not, with that language."""
    spoken: dict[str, set[str]] = {}
    for one in languages:
        for word in normal_words([word for words in one.words.values() for word in words]):
            spoken.setdefault(word, set()).add(one.language)
    english_words = {word for label in normal_words(list(english)) for word in label.split()}
    return {
        word: names.pop()
        for word, names in spoken.items()
        if len(names) == 1 and _WORD.fullmatch(word) and word not in english_words
    }
