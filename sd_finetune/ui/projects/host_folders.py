"""Folders and names that the host decides where the form leaves them open: put in for a run, taken out again after."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

from ...data.image_cache import NAME as IMAGE_CACHE
from ...errors import UserError
from ...formats.known_base import base_of
from ...formats.other_embeddings import embeddings_in
from ...hosts.host import Host
from ...runs.atomic import is_file
from ...runs.folder import RunFolder
from ...runs.notes import read_note
from ...settings.methods import METHODS, MethodFacts
from ...settings.migrations import migrated
from ...settings.option import AUTO
from ...settings.options import Lora, Output
from ...settings.plain import table, text, value_at, with_concepts, with_values
from ...settings.read import as_far_as_valid, plain_value
from ...settings.result_name import NAME, PLAIN, pattern_fault, stems_of

CLASS_IMAGES = "class-images"
"""In the host's data folder."""
_CACHES = {"class_images.cache_folder": CLASS_IMAGES, "data.cache_folder": IMAGE_CACHE}
"""Options of folders, and what these are called in the host's data folder."""
EMBEDDINGS = "output.embeddings_folder"


def fill_host_folders(host: Host, settings: dict[str, Any]) -> dict[str, Any]:
    """The form's settings for a run: with the folders of the host, and a file name that is not taken there."""
    whole = with_caches(host, settings)
    facts = METHODS.get(str(settings.get("method", "lora")))
    output, embeddings = table(settings, "output"), host.result_folder("embedding")
    if has_words_beside(settings) and embeddings is not None and output.get("embeddings_folder", "") == "":
        whole = with_values(whole, {EMBEDDINGS: str(embeddings)})
    folder = host.result_folder(facts.result) if facts and not _is_for_diffusers(facts, output) else None
    name = output.get("name", Output().name)
    if facts is None or folder is None or output.get("folder", "") != "" or not isinstance(name, str):
        return whole
    places, beside = [(folder, _pattern(facts, output))], folder
    if has_words_beside(settings):
        beside = Path(text(whole, EMBEDDINGS) or folder)
        places.append((beside, PLAIN))
    learns_words = facts.learns_word or has_words_beside(settings)
    values = {"output.folder": str(folder)}
    values["output.name"] = _free_name(places, name, beside if learns_words else None)
    if values["output.name"] != name and learns_words and not table(settings, "textual_inversion").get("word"):
        values["textual_inversion.word"] = name  # prompts say the word by the name that it was given
    whole = with_values(whole, values)
    return with_concepts(whole, lambda concept: _with_free_file(concept, beside)) if learns_words else whole


def has_words_beside(settings: dict[str, Any]) -> bool:
    """Whether the form's settings train new words beside other weights."""
    facts = METHODS.get(str(settings.get("method", "lora")))
    asked = table(settings, "lora").get("new_words", Lora().new_words)
    return facts is not None and facts.may_learn_words and asked != Lora().new_words


def _is_for_diffusers(facts: MethodFacts, output: dict[str, Any]) -> bool:
    """Whether the result is a folder, of which the WebUI would list each file as a checkpoint."""
    return facts.result == "checkpoint" and output.get("layout") == "diffusers"


def with_caches(host: Host, settings: dict[str, Any]) -> dict[str, Any]:
    """The form's settings with the host's folder for each cache that they leave open."""
    is_open = [name for name in _CACHES if value_at(settings, name) in (None, "")]
    return with_values(settings, {name: str(_own_cache(host, name)) for name in is_open})


def settings_of_run(host: Host, run: RunFolder) -> dict[str, Any]:
    """A run's settings as a form has them: what the host or the base checkpoint decides is open again.

    Raises:
        UserError: the run's settings are damaged, or of a newer version.
    """
    note = read_note(run.settings)
    if note is None:
        raise UserError(f"{run.settings} is damaged: start a new run from the settings in the form.")
    settings: dict[str, Any] = migrated(note)
    facts = METHODS.get(text(settings, "method"))
    folder = host.result_folder(facts.result) if facts else None
    if folder is not None and text(settings, "output.folder") == str(folder):
        settings = with_values(settings, {"output.folder": ""})
        settings = with_concepts(settings, _with_open_file)
    if text(settings, EMBEDDINGS) and text(settings, EMBEDDINGS) == str(host.result_folder("embedding")):
        settings = with_values(settings, {EMBEDDINGS: ""})
    own = [name for name in _CACHES if text(settings, name) == str(_own_cache(host, name))]
    return with_values(_left_to_the_base(settings), dict.fromkeys(own, ""))


def _left_to_the_base(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with "auto" where that amounts to what they have: another method, or another base, has its own."""
    whole = as_far_as_valid(settings)
    base = base_of(whole)
    amounts = base.defaults.values(whole) if base else {}
    same = [name for name, amount in amounts.items() if value_at(settings, name) == plain_value(amount)]
    return with_values(settings, dict.fromkeys(same, AUTO))


def class_image_cache(host: Host, settings: dict[str, Any]) -> Path:
    """Where class images are kept: the folder that the form names, or the host's."""
    return _cache(host, settings, "class_images.cache_folder")


def image_cache(host: Host, settings: dict[str, Any]) -> Path:
    """Where latents and notes about images are kept: the folder that the form names, or the host's."""
    return _cache(host, settings, "data.cache_folder")


def _cache(host: Host, settings: dict[str, Any], option: str) -> Path:
    named = text(settings, option)
    return Path(named) if named else _own_cache(host, option)


def _own_cache(host: Host, option: str) -> Path:
    return host.data_folder / _CACHES[option]


def _with_free_file(concept: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The concept with a file name for its word, if the word is taken as one."""
    word = concept.get("word")
    if not isinstance(word, str) or not word or concept.get("word_file", "") != "":
        return concept
    free = _free_name([(folder, PLAIN)], word, folder)
    return concept if free == word else {**concept, "word_file": free}


def _with_open_file(concept: dict[str, Any]) -> dict[str, Any]:
    """The concept without a file name that was made by `_with_free_file`."""
    word, file = concept.get("word"), concept.get("word_file")
    made = isinstance(word, str) and isinstance(file, str) and re.fullmatch(rf"{re.escape(word)}-[0-9]+", file)
    return {**concept, "word_file": ""} if made else concept


def _pattern(facts: MethodFacts, output: dict[str, Any]) -> str:
    """That of the results' names; the plain one where the form's cannot be used, which is told elsewhere."""
    pattern = output.get("name_pattern")
    usable = isinstance(pattern, str) and not facts.learns_word and not pattern_fault(pattern)
    return str(pattern) if usable else PLAIN


def _free_name(places: Sequence[tuple[Path, str]], name: str, embeddings: Path | None = None) -> str:
    """The name, with a number if a folder has such a file: an earlier result is never overwritten.

    places: folders, and the pattern of the names in each. embeddings: the one of them in which the WebUI looks for
    these in images, too.
    """
    stems = [(_taken(folder, folder == embeddings), pattern) for folder, pattern in places if folder.is_dir()]
    for number in count(1):
        own = name if number == 1 else f"{name}-{number}"
        if not any(any(map(stems_of(pattern, {NAME: own}).fullmatch, taken)) for taken, pattern in stems):
            return own
    raise AssertionError


def _taken(folder: Path, has_embeddings: bool) -> set[str]:
    """The names of files without their endings, and those of embeddings in images, which have one of their own."""
    stems = {path.stem for path in folder.rglob("*") if is_file(path)}
    return stems | set(embeddings_in(folder).values()) if has_embeddings else stems
