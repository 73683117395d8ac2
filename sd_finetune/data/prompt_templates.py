"""Sentences under which pictures of a new word are shown, so that the word is learnt and not one sentence."""

from __future__ import annotations

from ..settings.groups.textual_inversion import NAME
from ..settings.options import Concept, Settings
from .captions import FILEWORDS

_SUBJECT = (
    "a photo of {}",
    "a picture of {}",
    "a photograph that shows {}",
    "a close-up of {}",
    "a sharp photo of {}",
    "a blurred photo of {}",
    "a bright photo of {}",
    "a dark photo of {}",
    "a photo of {} from the side",
    "a photo of {} from afar",
    "a snapshot of one {}",
    "the {}, photographed",
)
_STYLE = (
    "a painting in the style of {}",
    "a picture in the style of {}",
    "a drawing made in the style of {}",
    "a scene in the style of {}",
    "a small painting in the style of {}",
    "a detail of a painting in the style of {}",
    "a bright picture in the style of {}",
    "a dark picture in the style of {}",
    "a work of art in the style of {}",
    "something painted in the style of {}",
)
TEMPLATES = {
    "subject": tuple(sentence.format(NAME) for sentence in _SUBJECT),
    "style": tuple(sentence.format(NAME) for sentence in _STYLE),
    "subject_filewords": tuple(f"{sentence.format(NAME)}, {FILEWORDS}" for sentence in _SUBJECT),
    "style_filewords": tuple(f"{sentence.format(NAME)}, {FILEWORDS}" for sentence in _STYLE),
}
"""By the names that the WebUI has for its own."""


def instance_sentences(settings: Settings, concept: Concept) -> tuple[str, ...]:
    """What the concept's pictures are shown under, each time one of these; `[filewords]` is still to be filled in."""
    if not settings.learns_word():
        return (concept.instance_prompt,)
    asked = settings.textual_inversion
    named = {**TEMPLATES, "own": asked.own_templates, "instance_prompt": (concept.instance_prompt,)}
    return tuple(sentence.replace(NAME, settings.new_word()) for sentence in named[asked.template])


def class_sentences(settings: Settings, concept: Concept) -> tuple[str, ...]:
    """What the concept's class pictures are shown under.

    Of textual inversion the instance's: without the new word in it a prompt teaches nothing, and with it the pictures
    keep the word inside its class.
    """
    if settings.learns_word():
        return instance_sentences(settings, concept)
    return (concept.class_prompt,)
