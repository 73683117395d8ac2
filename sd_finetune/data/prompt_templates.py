"""Prompt templates of textual inversion: several, so that the new word is learned and not one prompt."""

from __future__ import annotations

from ..settings.groups.textual_inversion import NAME
from ..settings.learned_words import word_of
from ..settings.methods import METHODS
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
    "subject": tuple(template.format(NAME) for template in _SUBJECT),
    "style": tuple(template.format(NAME) for template in _STYLE),
    "subject_filewords": tuple(f"{template.format(NAME)}, {FILEWORDS}" for template in _SUBJECT),
    "style_filewords": tuple(f"{template.format(NAME)}, {FILEWORDS}" for template in _STYLE),
}
"""By the names of the WebUI's own."""


def instance_templates(settings: Settings, concept: Concept) -> tuple[str, ...]:
    """The prompt templates of the concept's training images, one by chance each time; `[filewords]` is left in them."""
    if not settings.learns_word():
        return (concept.instance_prompt,)
    word, options = word_of(settings, concept), settings.textual_inversion
    if not settings.has_templates():
        return (concept.instance_prompt.replace(NAME, word),)
    named = {**TEMPLATES, "own": options.own_templates}
    return tuple(template.replace(NAME, word) for template in named[options.template])


def class_templates(settings: Settings, concept: Concept) -> tuple[str, ...]:
    """The prompt templates of the concept's class images.

    For textual inversion those of the training images: a prompt without the new word trains nothing, and with it the
    class images keep the word in its class.
    """
    if METHODS[settings.method].learns_word:
        return instance_templates(settings, concept)
    return (concept.class_prompt,)
