"""Embeddings in the host's folder that are none of a project's own, and new words that they are in the way of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from ...formats.other_embeddings import embeddings_in, in_the_way
from ...hosts.host import Host
from ...runs.folder import RunFolder
from ...settings.learned_words import learned_words
from ...settings.options import Settings
from ..advice.risks import Risk
from ..live.run_view import Views
from .project import Project


def embeddings_of_others(host: Host, project: Project, views: Views) -> dict[Path, str]:
    """Files and their names; results of the project's runs are not among them, as it may train its word again."""
    own: set[Path] = set()
    for name in project.run_names():
        with suppress(OSError):  # what cannot be read is taken for somebody else's
            own |= {Path(entry["path"]) for entry in views.of(RunFolder(project.runs / name)).results()}
    return {path: name for path, name in embeddings_in(host.result_folder("embedding")).items() if path not in own}


def words_in_use(settings: Settings, others: Mapping[Path, str]) -> Iterator[Risk]:
    """For each new word of the settings that prompts would mix up with another embedding."""
    for word in learned_words(settings) if settings.learns_word() else ():
        for sentence in in_the_way(word, others):
            yield word.option, sentence
