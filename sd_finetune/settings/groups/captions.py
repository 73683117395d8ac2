"""The group [captions]."""

from __future__ import annotations

from dataclasses import dataclass

from ..emphasis import EMPHASIS_MODES, EMPHASIS_TITLES
from ..option import option

CHUNK_TOKENS, MOST_TOKENS = 75, 225
"""What CLIP takes beside its start and end tokens, and what other trainers offer at most."""


@dataclass(frozen=True)
class Captions:
    """Where captions come from, and what prompts are made of them."""

    image_comments: bool = option(
        False,
        "use the comment inside an image that has no caption file: PNG text, EXIF comment, or the prompt that the "
        "WebUI generated it with",
    )
    name_regex: str = option(
        "",
        "regular expression that finds the words in a file name which is a caption, as the WebUI's \"Filename word "
        'regex"; empty = the whole name without leading digits',
    )
    name_join: str = option(" ", 'what stands between these words, as the WebUI\'s "Filename join string"')
    several_lines: str = option(
        "joined",
        "what the lines of a caption file are: joined = one caption, first = only the first line counts, random = a "
        "caption each, one by chance at each use",
        choices=("joined", "first", "random"),
    )
    prefix: str = option("", "text before each caption of training images")
    suffix: str = option("", "text after each caption of training images")
    wildcards: bool = option(
        False,
        "replace each {a|b} in prompts and captions of training images by one of its choices, by chance at each use; "
        "{{ and }} are braces",
    )
    tokens: int = option(
        CHUNK_TOKENS,
        "tokens of a prompt that are used in training, where a word is one token or more; 150 and 225 are encoded in "
        "chunks of 75, cut and joined as in the WebUI; a warning says what is cut off",
        "tokens",
        minimum=CHUNK_TOKENS,
        maximum=MOST_TOKENS,
        multiple_of=CHUNK_TOKENS,
    )
    emphasis: str = option(
        "none",
        "how prompts and captions of training and class images are read; none = as plain text, so that brackets as in "
        "saber (fate) are just brackets; the others are the WebUI's modes for (word:1.2), [word], \\( and BREAK",
        choices=EMPHASIS_MODES,
        titles=EMPHASIS_TITLES,
    )
    separator: str = option(",", "what stands between the tags of a caption, for shuffling and dropping them")
    shuffle: bool = option(False, "shuffle the tags of a caption at each use, so that their order is not learned")
    keep_first: int = option(0, "tags at the beginning of a caption that are neither shuffled nor dropped", minimum=0)
    tag_drop_rate: float = option(
        0.0, "share of the other tags that is left out, by chance at each use", minimum=0, maximum=1
    )
    drop_rate: float = option(
        0.0,
        "share of the uses of a training image at which its caption is left out of the prompt",
        minimum=0,
        maximum=1,
    )

    def tags_change(self) -> bool:
        """Whether captions are taken apart into tags."""
        return self.shuffle or self.tag_drop_rate > 0
