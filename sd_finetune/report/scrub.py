"""Puts something else in the place of all that is private."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, cast

from .paths import shown_path, without_known, without_paths
from .phrases import Words, runs_of, without_phrases
from .private import Private, is_free_text, is_path

OWN_WORDS = frozenset({"kind", "artefact", "result", "outcome", "command", "time"})
"""Fields of events and commands that hold nothing but words of ours."""
SAMPLE_FILE = re.compile(r"samples/step-\d+-\d+\.png")

_QUOTED = re.compile(r"(?<!\w)(?P<quote>[\"'])(?P<text>[^\"'\n]*\s[^\"'\n]*)(?P=quote)(?!\w)")
_SHOWN_IN_QUOTES = re.compile(r"<|\w*(?:Error|Exception|Warning|Interrupt)\b|sd_finetune/")


class Scrubber:
    """Replaces what is private in texts, events and settings.

    Args:
        private: what that is.
        with_prompts: prompts, captions, trigger words and names stay; paths and people never do.
    """

    def __init__(self, private: Private, with_prompts: bool = False) -> None:
        self.private = private
        self.with_prompts = with_prompts

    @cached_property
    def _runs(self) -> Mapping[Words, str]:
        return {} if self.with_prompts else runs_of(self.private.texts)

    def text(self, text: str) -> str:
        """A message or a log. Quoted words that nothing is known of may be a prompt and go too."""
        text = without_known(text, self.private.folders, self.private.homes)
        text = without_paths(self._without_prompts(text), self.private.homes)
        text = self._without_people(text)
        return text if self.with_prompts else _QUOTED.sub(_hide_quoted, text)

    def path(self, path: str) -> str:
        """A path, of which the last name stays."""
        return self._without_people(self._without_prompts(shown_path(path, self.private.homes)))

    def settings(self, content: Any, name: str = "") -> Any:
        """All settings, or those of the group `name`."""

        def shown(value: str) -> str:
            if is_path(name):
                return self.path(value) if value else ""
            if not self.with_prompts and is_free_text(name, value):
                return self.private.texts.get(value, "<text>")
            return value if not is_free_text(name, value) else self.text(value)

        return _each_text(content, shown, lambda key, inner: self.settings(inner, f"{name}.{key}".lstrip(".")))

    def message(self, content: Any, name: str = "") -> Any:
        """An event or a command."""

        def shown(value: str) -> str:
            if name in OWN_WORDS or SAMPLE_FILE.fullmatch(value):
                return value
            if name in ("path", "file"):
                return self.path(value)
            if name == "prompt" and not self.with_prompts:
                return self.private.texts.get(value, "<text>")
            return self.text(value)

        if isinstance(content, dict) and cast("dict[str, Any]", content).get("kind") == "phase":
            return cast("dict[str, Any]", content)  # its name is a word of ours
        return _each_text(content, shown, lambda key, inner: self.message(inner, key))

    def _without_prompts(self, text: str) -> str:
        return without_phrases(text, self._runs)

    def _without_people(self, text: str) -> str:
        names = sorted(self.private.people, key=len, reverse=True)
        if not names:
            return text
        any_name = "|".join(map(re.escape, names))
        return re.sub(rf"(?<![^\W_])(?:{any_name})(?![^\W_])", "<user>", text, flags=re.IGNORECASE)


def _each_text(content: Any, shown: Callable[[str], str], inside: Callable[[str, Any], Any]) -> Any:
    """The same value with `shown` of its texts; `inside` is asked for the entries of a table."""
    if isinstance(content, dict):
        return {key: inside(key, inner) for key, inner in cast("dict[str, Any]", content).items()}
    if isinstance(content, list):
        return [_each_text(inner, shown, inside) for inner in cast("list[Any]", content)]
    return shown(content) if isinstance(content, str) else content


def _hide_quoted(match: re.Match[str]) -> str:
    if _SHOWN_IN_QUOTES.match(match["text"]):
        return match[0]
    return f"{match['quote']}<text>{match['quote']}"
