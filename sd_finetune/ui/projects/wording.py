"""Sentences about settings as the tab says them: by the labels of its fields and panels, not by names of TOML."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import cache

from ...settings.catalogue import all_options
from ...settings.sentences import Mention, Quoted, parts_of
from .labels import option_labels, panel_label, panel_of

ON = {"true": "on", "false": "off"}


def in_the_tab(sentence: str, panel: str = "") -> str:
    """A sentence of the settings with labels in place of names; several lines are several sentences.

    panel: where it is shown. An option of another panel is named with that panel once, so that it can be found.
    """
    return "\n".join(_Telling(panel).told(line) for line in sentence.split("\n"))


class _Telling:
    """One sentence while it is told."""

    def __init__(self, panel: str) -> None:
        self._panel = panel
        self._placed = {""}
        self._text = ""
        self._mentioned: list[str] = []

    def told(self, sentence: str) -> str:
        for part in parts_of(sentence):
            if isinstance(part, Mention):
                self._text += self._mention(part)
                self._mentioned.append(part.name)
            elif isinstance(part, Quoted):
                self._text += self._quoted(part.text)
            else:
                self._text += _plain_words(part, self._mentioned[-1] if self._mentioned else "")
        return self._text

    def _mention(self, mention: Mention) -> str:
        label = _labels()[mention.name]
        concept = f" of concept {mention.concept}" if mention.concept else ""
        value = ""
        if mention.value is not None:
            set_to, shown = self._text.endswith("set "), _titled(mention.name, mention.value)
            value = f" to {shown}" if set_to else f" ({shown})" if _is_flag(mention.name) else f" {shown}"
        words = f"{label}{concept}{value}" if value.startswith(" to") else f"{label}{value}{concept}"
        return words + self._panel_of(mention.name)

    def _quoted(self, text: str) -> str:
        """A choice of an option that was mentioned, or something else that is left as it is."""
        titled = (_titled(name, text) for name in reversed(self._mentioned))
        return next((title for title in titled if title != text), text)

    def _panel_of(self, name: str) -> str:
        panel = panel_of(name)
        if not self._panel or panel == self._panel or name in self._placed:
            return ""
        self._placed.add(name)
        return f" ({panel_label(panel)})"


def _is_flag(name: str) -> bool:
    option = all_options()[name].option if name else None
    return option is not None and isinstance(option.default, bool)


def _titled(name: str, value: str) -> str:
    """A value of an option as its field shows it, in quotation marks if it has some or is a title."""
    if _is_flag(name):
        return ON.get(value, value)
    inner = value[1:-1] if value[:1] in ("'", '"') and len(value) > 1 else value
    return f'"{_titles(name)[inner]}"' if inner in _titles(name) else value


def _titles(name: str) -> Mapping[str, str]:
    option = all_options()[name].option if name else None
    return option.titles if option else {}


def _plain_words(text: str, last: str) -> str:
    """Text between mentions of options. last: the option that was mentioned before it."""
    if _is_flag(last):
        text = text.replace("use true or false", "switch it on or off")
        text = re.sub(r"\bto (true|false)\b", lambda found: f"to {ON[found[1]]}", text)
    text = text.replace("[[concepts]]", "a concept")
    methods = {name: title for name, title in _titles("method").items() if name != "hypernetwork"}  # a common word
    titles = {**methods, **_titles("optimizer.name"), **_titles(last)}
    for words, before, after in ((titles, r"\w/.<-", r"[\w/-]|[.:]\w"), (_own_names(), r"\w/.\\-", r"[\w/\\-]|\.\w")):
        one_of = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
        text = re.sub(rf"(?<![{before}])({one_of})(?!{after})", lambda found, words=words: words[found[1]], text)
    return text


@cache
def _labels() -> dict[str, str]:
    return option_labels(all_options())


@cache
def _own_names() -> dict[str, str]:
    """Labels by the options' own names, as far as these are not words of English and only one option has them."""
    names = Counter(name.rpartition(".")[2] for name in all_options())
    return {
        own: label for name, label in _labels().items() if "_" in (own := name.rpartition(".")[2]) and names[own] == 1
    }
