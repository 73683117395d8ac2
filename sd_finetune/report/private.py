"""What of a run is private: prompts, captions, trigger words, names, folders and people."""

from __future__ import annotations

import getpass
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, cast

from ..reading.door import parse_json
from ..settings.catalogue import all_options
from ..settings.duration import Duration, Interval
from ..settings.option import AUTO
from ..settings.rates import Rates
from ..settings.values import OR_AUTO
from .paths import PRIVATE_NAMES, homes_in

MOST_CAPTIONS = 5000
MOST_CAPTION_BYTES = 4000
MOST_METADATA_BYTES = 1 << 20

PLACEHOLDER = re.compile(r"\[\w+\]")
"""As in "[filewords]", which says nothing."""
COMMON_WORDS = frozenset({
    "a", "an", "and", "are", "as", "at", "by", "close", "drawing", "for", "from", "her", "his", "illustration", "image",
    "in", "into", "is", "it", "its", "my", "of", "on", "one", "or", "painting", "photo", "photograph", "picture",
    "portrait", "rendering", "style", "the", "their", "this", "to", "up", "with",
})  # fmt: skip
"""Words of prompts that are never a trigger word."""
NO_NAMES = frozenset({"", "root", "user", "users", "admin", "administrator", "runner", "ubuntu", "localhost"})


@dataclass(frozen=True)
class Private:
    """What must not be seen, and what stands for it."""

    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    """Prompts, captions, trigger words, notes and names by themselves, to what stands for each."""
    folders: frozenset[str] = frozenset()
    homes: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    """User names, also of this computer."""


def find_private(settings: Mapping[str, Any], prompts: Iterable[str], places: Iterable[Path], raw: str) -> Private:
    """What is private in a run.

    Args:
        prompts: those that are known from elsewhere.
        places: folders and files that a text may name.
        raw: all that was written, for the home folders in it.
    """
    own = dict(text_options(settings))
    paths = {path for name, values in own.items() if is_path(name) for path in values if path}
    folders = {str(place) for place in (*places, Path.cwd())} | paths | {str(Path(path).parent) for path in paths}
    homes = {str(Path.home()), *homes_in(raw), *homes_in("\n".join(f"{folder}/" for folder in folders))}
    names = {_user(), platform.node(), *(re.split(r"[\\/]", home)[-1] for home in homes)}
    return Private(
        texts=_labels(own, prompts),
        folders=frozenset(folder for folder in folders if len(folder) > 3),
        homes=frozenset(homes),
        people=frozenset(name for name in names if name.lower() not in NO_NAMES),
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a user that the system does not know, as in a container
        return ""


def text_options(content: Any, name: str = "") -> Iterator[tuple[str, list[str]]]:
    """Full name and values of every setting that is a text or texts, also of settings that this version has not."""
    found: dict[str, list[str]] = {}
    for option, value in _texts(content, name):
        found.setdefault(option, []).append(value)
    yield from found.items()


def _texts(content: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(content, dict):
        for key, inner in cast("dict[str, Any]", content).items():
            yield from _texts(inner, f"{name}.{key}".lstrip("."))
    elif isinstance(content, list):
        for inner in cast("list[Any]", content):
            yield from _texts(inner, name)
    elif isinstance(content, str):
        yield name, content


def is_path(name: str) -> bool:
    """Whether a setting is the path of a file or folder."""
    member = all_options().get(name)
    return member is not None and member.option is not None and member.option.is_path


def is_free_text(name: str, value: str) -> bool:
    """Whether the value of a setting is a person's own words: no choice, duration, default or number, and no path."""
    member = all_options().get(name)
    if not re.search(r"[^\W\d_]", PLACEHOLDER.sub("", value)):
        return False
    if member is None or member.option is None:
        return True  # a setting of another version
    if member.kind in (Duration, Interval):
        return not re.fullmatch(r"\s*\d+\s*(steps?|epochs?|minutes?)?\s*", value)
    if OR_AUTO.get(member.kind, member.kind) is Rates:
        return not re.fullmatch(r"[\s\d.,:;e+-]*", value)
    return not member.option.is_path and value not in (*member.option.choices, member.option.default, AUTO)


def _labels(options: Mapping[str, list[str]], prompts: Iterable[str]) -> dict[str, str]:
    """What stands for each private text."""
    labels: dict[str, str] = {}
    for word in _trigger_words(options):
        labels[word] = "<trigger word>"
    for name, values in options.items():
        for value in values:
            if is_free_text(name, value):
                labels.setdefault(value, _label(name, labels))
    for prompt in filter(None, prompts):
        labels.setdefault(prompt, _label("", labels))
    for caption in filter(None, _captions(options)):
        labels.setdefault(caption, "<caption>")
    return labels


def _label(option: str, known: Mapping[str, str]) -> str:
    fixed = {f"output.{own}": f"<{own}>" for own in ("name", "notes", "title", "author", "license")}
    fixed["output.trigger_phrase"] = "<trigger phrase>"
    fixed |= dict.fromkeys(("textual_inversion.word", "concepts.word", "concepts.word_file"), "<trigger word>")
    count = len({label for label in known.values() if label.startswith("<prompt")})
    return fixed.get(option) or f"<prompt {count + 1}>"


def _trigger_words(options: Mapping[str, list[str]]) -> set[str]:
    """Words that only the prompts of the subject have, not those of its class."""
    prompts = (" ".join(options.get(f"concepts.{role}_prompt", [])).lower() for role in ("instance", "class"))
    instance, of_class = (set(re.findall(r"[^\W_]+", PLACEHOLDER.sub(" ", text))) for text in prompts)
    return {word for word in instance - of_class - COMMON_WORDS if len(word) > 1}


def _captions(options: Mapping[str, list[str]]) -> Iterator[str]:
    """Captions beside the images, and names of images where these are captions, as far as they can be read here."""
    names_count = any("[filewords]" in value for values in options.values() for value in values)
    for file in filter(None, options.get("concepts.metadata_file", [])):
        yield from islice(_texts_of_json(_beginning(Path(file), MOST_METADATA_BYTES)), MOST_CAPTIONS)
    folders = [*options.get("concepts.folder", []), *options.get("concepts.class_folder", [])]
    for folder in folders:
        for path in islice(_files(Path(folder)) if folder else [], MOST_CAPTIONS):
            if names_count and path.suffix.lower().lstrip(".") in PRIVATE_NAMES:
                yield re.sub(r"^[-_\d]+\s*", "", path.stem)
            if path.suffix.lower() in (".txt", ".caption"):
                yield from _lines_of(_beginning(path, MOST_CAPTION_BYTES))
            if path.name == "metadata.jsonl":
                yield from islice(_texts_of_json_lines(_beginning(path, MOST_METADATA_BYTES)), MOST_CAPTIONS)


def _files(folder: Path) -> Iterator[Path]:
    try:
        yield from folder.rglob("*")
    except (OSError, ValueError):  # ValueError: no name that a folder can have
        return


def _lines_of(text: str) -> Iterator[str]:
    """A caption in one line, as prompts have it, and each of its lines."""
    yield " ".join(text.split())
    yield from (" ".join(line.split()) for line in text.splitlines())


def _texts_of_json_lines(content: str) -> Iterator[str]:
    for line in content.splitlines():
        try:
            entry = parse_json(line)
        except ValueError:
            continue
        for _, text in _texts(entry, ""):
            yield from _lines_of(text)


def _texts_of_json(content: str) -> Iterator[str]:
    """Of one object, or of an object a line."""
    try:
        entries = [parse_json(content)]
    except ValueError:
        yield from _texts_of_json_lines(content)
        return
    for _, text in _texts(entries, ""):
        yield from _lines_of(text)


def _beginning(path: Path, most: int) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(most)
    except OSError:
        return ""
    return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", errors="replace")
