"""Prompts from templates and captions as `[captions]` asks: lines, wildcards, prefix and suffix, tags.

plain_caption(caption, options): what does not change from use to use
RandomPrompt: what does, by a random number generator of the caller's
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from ..settings.options import Captions
from .caption_text import lines_in
from .captions import FILEWORDS, Caption, prompt_for

_WILDCARD = re.compile(r"\{([^{}]*)\}")
# As in kohya's scripts "{{" and "}}" are braces that stay. These two are not characters of any text.
_OPEN, _CLOSE = "\ufdd0", "\ufdd1"


def lines_of(text: str, options: Captions) -> list[str]:
    """The captions in the text of one image, at least one; each in one line with single spaces."""
    lines = [" ".join(line.split()) for line in lines_in(text) if line.strip()]
    if options.several_lines == "joined":
        return [" ".join(lines)]
    return lines or [""]


def plain_caption(caption: Caption, options: Captions) -> str:
    """The caption without chance: its first line with prefix and suffix, and the first choice of each wildcard."""
    return _between(_expanded(lines_of(caption.text, options)[0], options, None), options)


def plain_prompt(template: str, caption: Caption | None, options: Captions) -> str:
    """The prompt as it is without chance."""
    line = plain_caption(caption, options) if caption and FILEWORDS in template else ""
    return prompt_for(_expanded(template, options, None), line)


def open_wildcards(texts: Iterable[str], options: Captions) -> Iterator[str]:
    """The texts with a brace that has no other one, so that it is trained as it is written."""
    for text in texts if options.wildcards else ():
        rest, before = text.replace("{{", "").replace("}}", ""), None
        while rest != before:
            rest, before = _WILDCARD.sub("", rest), rest
        if "{" in rest or "}" in rest:
            yield text


@dataclass(frozen=True)
class RandomPrompt:
    """The prompts of an image that are another one at each use. caption: its text, lines and all."""

    templates: tuple[str, ...]
    caption: str
    options: Captions

    def draw(self, template: int, random: Random) -> str:
        """The prompt by one of the templates; the same for the same numbers."""
        options = self.options
        shown = _expanded(self.templates[template], options, random)
        lines = lines_of(self.caption, options)
        line = random.choice(lines) if options.several_lines == "random" else lines[0]
        if random.random() < options.drop_rate:
            return prompt_for(shown, "")
        line = _between(_expanded(line, options, random), options)
        return prompt_for(shown, _with_tags(line, options, random) if options.tags_change() else line)

    def all(self) -> tuple[str, ...] | None:
        """All prompts that can be drawn, None where they are too many to be told."""
        options, lines = self.options, lines_of(self.caption, self.options)
        if options.tags_change() or any(_has_wildcard(text, options) for text in (*self.templates, *lines)):
            return None
        shown = [_between(line, options) for line in (lines if options.several_lines == "random" else lines[:1])]
        shown += [""] if options.drop_rate else []
        return tuple(prompt_for(template, line) for template in self.templates for line in shown)


def random_prompt(templates: Sequence[str], caption: Caption | None, options: Captions) -> RandomPrompt | None:
    """The random prompts of an image, None where each template makes one prompt only."""
    captioned = caption is not None and any(FILEWORDS in template for template in templates)
    text = caption.text if caption and captioned else ""
    lines = lines_of(text, options)
    several = options.several_lines == "random" and len(lines) > 1
    wild = any(_has_wildcard(each, options) for each in (*templates, *lines))
    changes = captioned and (several or options.drop_rate > 0 or options.tags_change())
    return RandomPrompt(tuple(templates), text, options) if wild or changes else None


def _has_wildcard(text: str, options: Captions) -> bool:
    return options.wildcards and _WILDCARD.search(_hidden(text)) is not None


def _hidden(text: str) -> str:
    return text.replace("{{", _OPEN).replace("}}", _CLOSE)


def _expanded(text: str, options: Captions, random: Random | None) -> str:
    """The text with one choice of each `{a|b}`, by chance or the first; those inside others come first."""
    if not options.wildcards:
        return text
    text = _hidden(text)
    for _ in range(text.count("{")):
        match = _WILDCARD.search(text)
        if match is None:
            break
        choices = match[1].split("|")
        text = text[: match.start()] + (random.choice(choices) if random else choices[0]) + text[match.end() :]
    return text.replace(_OPEN, "{").replace(_CLOSE, "}")


def _between(line: str, options: Captions) -> str:
    return " ".join(piece for piece in (options.prefix.strip(), line, options.suffix.strip()) if piece)


def _with_tags(line: str, options: Captions, random: Random) -> str:
    tags = [tag.strip() for tag in line.split(options.separator) if tag.strip()]
    first, rest = tags[: options.keep_first], tags[options.keep_first :]
    if options.shuffle:
        random.shuffle(rest)
    return _joined([*first, *(tag for tag in rest if random.random() >= options.tag_drop_rate)], options)


def _joined(tags: list[str], options: Captions) -> str:
    return (f"{options.separator.rstrip()} " if options.separator.strip() else options.separator).join(tags)
