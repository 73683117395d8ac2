"""Why the new words of a run could not be learned, as far as that can be told while somebody waits."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from ..data.captions import FILEWORDS
from ..data.held_out import trained
from ..data.usable import UsableImages
from ..families.vocabulary import clip_tokens, has_tokenizers
from ..families.word_use import known_word_fault, unused_word_fault, unused_words
from ..settings.learned_words import learned_words
from ..settings.options import Settings
from ..settings.prompt_reading import trained_reading
from ..settings.prompt_syntax import weight_fault
from .captions import CaptionedImages

LOOK_SECONDS = 0.5
"""How long prompts are looked through for the words."""


def new_word_faults(
    settings: Settings, found: Sequence[UsableImages], captioned: Sequence[CaptionedImages]
) -> Iterator[tuple[str, str]]:
    """What a run would be refused for: the option's name, and a sentence.

    found, captioned: the images of each concept, and their captions.
    """
    words = learned_words(settings) if settings.learns_word() and has_tokenizers() else ()
    known = {word.option: known_word_fault(word, clip_tokens) for word in words}
    yield from ((option, fault) for option, fault in known.items() if fault)
    if not words or not all(clip_tokens(word.word) for word in words) or not _all_are_read(found, captioned):
        return
    prompts = _Prompts(settings, captioned)
    unused, read = unused_words(settings, prompts, clip_tokens)
    for word in unused if prompts.are_all else ():
        if not known[word.option]:
            yield word.option, unused_word_fault(settings, word, read, clip_tokens)


def _all_are_read(found: Sequence[UsableImages], captioned: Sequence[CaptionedImages]) -> bool:
    return not any(each.unchecked for each in found) and all(
        len(each.read.captions) == len(each.images) or not any(FILEWORDS in text for text in each.templates)
        for each in captioned
    )


class _Prompts:
    """Of all training images, as long as there is time and they can be read. are_all: whether none was left out."""

    def __init__(self, settings: Settings, captioned: Sequence[CaptionedImages]) -> None:
        self._captioned, self._held_out, self.are_all = captioned, settings.held_out(), True
        self._has_emphasis = trained_reading(settings).emphasis != "none"

    def __iter__(self) -> Iterator[str]:
        end, seen = time.monotonic() + LOOK_SECONDS, set[str]()
        for each in self._captioned:
            for image in trained(each.images, self._held_out):
                if time.monotonic() >= end:
                    self.are_all = False
                    return
                for prompt in each.prompts_of(image):
                    if prompt in seen:
                        continue
                    seen.add(prompt)
                    if self._has_emphasis and weight_fault(prompt):
                        self.are_all = False  # which is told of its caption
                    else:
                        yield prompt
