"""Whether the new words of a run can be learned: none is known to the model, and prompts contain them. Needs no torch.

known_word_fault(word, tokens_of), unused_word_fault(settings, word, read, tokens_of): why not, as sentences
unused_words(settings, prompts, tokens_of) -> the words that no prompt contains, and the prompts that were looked at
words_in(settings, prompts, tokens_of): which words each prompt contains
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..settings.groups.captions import CHUNK_TOKENS
from ..settings.learned_words import OF_RUN, LearnedWord, learned_words
from ..settings.methods import METHODS
from ..settings.options import Settings
from ..settings.prompt_reading import trained_reading
from .placeholder_tokens import NewWord
from .prompt_chunks import TokensOf, split_prompt, words_among

FIRST_PLACEHOLDER = 1_000_000
"""Beyond every vocabulary."""
MOST_LOOKED_AT = 100
"""Prompts by which the way out is told."""


def known_word_fault(word: LearnedWord, tokens_of: TokensOf) -> str:
    """A sentence about a word of the model's vocabulary, which prompts could not use any more; "" for others.

    Each other has several tokens.
    """
    if len(tokens_of(word.word)) != 1:
        return ""
    option = f"{OF_RUN}.word (or output.name, if it is empty)" if word.place == OF_RUN else word.option
    return f'"{word.word}" is in the vocabulary of the model: set {option} to a new word, like "{word.word}-new".'


def unused_words(
    settings: Settings, prompts: Iterable[str], tokens_of: TokensOf
) -> tuple[list[LearnedWord], list[str]]:
    """The new words that no prompt contains or has room for, and the prompts that were looked at.

    prompts: of training images; not all are looked at where all words are found before.
    """
    missing, read = dict(enumerate(learned_words(settings))), list[str]()
    words, reading = _new_words(settings, tokens_of), trained_reading(settings)
    for prompt in prompts:
        if not missing:
            break
        read.append(prompt)
        for number in words_among(split_prompt(prompt, reading, tokens_of, words)[0], words):
            missing.pop(number, None)
    return list(missing.values()) if read else [], read


def unused_word_fault(settings: Settings, word: LearnedWord, read: Sequence[str], tokens_of: TokensOf) -> str:
    """A sentence about a word that none of the prompts `read` contains."""
    return (
        f'No prompt contains the new word "{word.word}" or has room for its vectors (the first is "{read[0]}"): '
        f"{way_out(settings, word, read, tokens_of)}."
    )


def words_in(settings: Settings, prompts: Sequence[str], tokens_of: TokensOf) -> list[set[int]]:
    """Which of the new words, from 0, each prompt contains and has room for."""
    words, reading = _new_words(settings, tokens_of), trained_reading(settings)
    return [words_among(split_prompt(prompt, reading, tokens_of, words)[0], words) for prompt in prompts]


def way_out(settings: Settings, learned: LearnedWord, without: Sequence[str], tokens_of: TokensOf) -> str:
    """What to do about prompts without a word, as the end of a sentence."""
    word, vectors = learned.word.lower(), learned.vectors
    before = [prompt.lower().partition(word)[0] for prompt in without[:MOST_LOOKED_AT] if word in prompt.lower()]
    room = min((_room_behind(settings, text, tokens_of) for text in before), default=0)
    if before and 0 < room < vectors:
        return f"its {vectors} vectors do not fit, set {learned.place}.vectors = {room} or less"
    more = ", or choose another textual_inversion.template" if METHODS[settings.method].learns_word else ""
    return f"add it to the captions{more}"


def _new_words(settings: Settings, tokens_of: TokensOf) -> tuple[NewWord, ...]:
    found: list[NewWord] = []
    first = FIRST_PLACEHOLDER
    for word in learned_words(settings):
        found.append(NewWord(tokens_of(word.word), tuple(range(first, first + word.vectors))))
        first += word.vectors
    return tuple(found)


def _room_behind(settings: Settings, text: str, tokens_of: TokensOf) -> int:
    """For so many vectors behind a text, in its last chunk or a further one."""
    reading = trained_reading(settings)
    chunks, _ = split_prompt(text, reading, tokens_of, ())
    return chunks[-1].room() if len(chunks) == reading.chunks else CHUNK_TOKENS
