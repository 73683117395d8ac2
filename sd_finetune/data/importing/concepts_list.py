"""Reads the concepts list of the older DreamBooth extension, so that nobody types it again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, cast

from ...errors import UserError
from ..captions import FILEWORDS
from ..folder import list_folder
from .subsets import Imported

NAMES = {
    "instance_data_dir": "folder",
    "instance_prompt": "instance_prompt",
    "class_prompt": "class_prompt",
    "class_data_dir": "class_folder",
}


def import_concepts(content: Any) -> Imported:
    """Our concepts from that extension's: a list, or its settings with a `concepts_list` in them.

    Its tokens become part of the prompts, as it trains them. It counts class images for each training image, and we
    count them in all: so many are asked for, where the training images are found.

    Raises:
        UserError: it is neither.
    """
    listed = cast("dict[str, Any]", content).get("concepts_list") if isinstance(content, dict) else content
    if not _is_list_of_tables(listed):
        raise UserError('This is not a concepts list: use a JSON list of objects with "instance_data_dir" in them.')
    entries = cast("list[dict[str, Any]]", listed)
    imported = Imported()
    notes: list[str] = []
    imported.concepts = [_concept(each, notes) for each in entries if _is_text(each.get("instance_data_dir"))]
    imported.notes += dict.fromkeys(notes)
    if not imported.concepts:
        raise UserError("No concept in this list has an instance_data_dir: add the folders of its training images.")
    return imported


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _is_list_of_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in cast("list[Any]", value))


def _concept(entry: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    concept = {ours: entry[theirs] for theirs, ours in NAMES.items() if _is_text(entry.get(theirs))}
    tokens = _Tokens(*(_text(entry.get(name)).strip() for name in ("instance_token", "class_token")))
    for name, with_tokens in (("instance_prompt", tokens.in_instance), ("class_prompt", tokens.in_class)):
        before = concept.get(name, "")
        prompt = with_tokens(before)
        if prompt == before:
            continue
        concept[name] = prompt
        if FILEWORDS in prompt:
            which = name.replace("_", " ")
            notes.append(f"{concept['folder']}: the {which} is {prompt}, so that its token is trained.")
            notes += [tokens.left_in_captions()] if tokens.instance and tokens.of_class else []
    return concept | _class_images(entry, concept["folder"])


@dataclass(frozen=True)
class _Tokens:
    """The word of the subject and that of its class, which the extension writes into prompts; "" = none."""

    instance: str
    of_class: str

    def in_instance(self, prompt: str) -> str:
        """A prompt of training images with the instance token: in place of the class, else before the rest."""
        if not self.instance or _has(prompt, self.instance):
            return prompt
        if self.of_class and _has(prompt, self.of_class):
            return _replaced(prompt, rf"((a|an|the)\s+)?{re.escape(self.of_class)}", self.instance)
        return _joined(self.instance, prompt)

    def left_in_captions(self) -> str:
        """A sentence about what the extension does besides."""
        return (
            f'The extension writes "{self.instance}" in place of "{self.of_class}" in captions of training images, and '
            f"takes it out of those of class images: here captions stay as they are."
        )

    def in_class(self, prompt: str) -> str:
        """A prompt of class images with the class token, and without the instance token."""
        if not self.of_class:
            return prompt
        if self.instance and _has(prompt, self.instance):
            stands_in = "" if _has(prompt, self.of_class) else self.of_class
            prompt = _replaced(prompt, re.escape(self.instance), stands_in)
        return prompt if _has(prompt, self.of_class) else _joined(self.of_class, prompt)


def _has(prompt: str, token: str) -> bool:
    return _as_word(re.escape(token)).search(prompt) is not None


def _replaced(prompt: str, pattern: str, token: str) -> str:
    return " ".join(_as_word(pattern).sub(lambda _: token, prompt).split())


def _as_word(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){pattern}(?!\w)", re.IGNORECASE)


def _joined(token: str, prompt: str) -> str:
    return f"{token}, {prompt}" if prompt else token


def _class_images(entry: dict[str, Any], folder: str) -> dict[str, int]:
    """How many class images in all; nothing where that is unknown, or was none."""
    whole, each = (entry.get(name) for name in ("num_class_images", "num_class_images_per"))
    if type(whole) is int and whole > 0:
        return {"class_images": whole}
    try:
        images = len(list_folder(folder).images)
    except (UserError, OSError):  # no folder, or a name that none can have
        return {}
    return {"class_images": each * images} if type(each) is int and each > 0 else {}
