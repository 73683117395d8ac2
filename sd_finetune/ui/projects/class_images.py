"""The class images that were generated for a project's prompts, as they lie in the cache folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import UserError
from ...hosts.host import Host
from ...readable import readable
from ...runs.notes import read_note
from ...runs.own_files import CLASS_IMAGES_NOTE
from ...settings.groups.samples import SAMPLER_TITLES
from ...settings.plain import concepts
from .host_folders import class_image_cache
from .images import image_in
from .project import Project


def class_image_folders(host: Host, project: Project) -> list[dict[str, Any]]:
    """A folder for each class prompt, base checkpoint and way of sampling.

    Each has `key`, `prompt`, `sampling` (in words), `folder` and `images` (their names).
    """
    settings = project.settings()
    prompts = [concept["class_prompt"] for concept in concepts(settings) if concept.get("class_prompt")]
    found: list[dict[str, Any]] = []
    for note in _notes(class_image_cache(host, settings)):
        facts = read_note(note) or {}  # where it is damaged, no run uses its images
        prompt = facts.get("prompt")
        images = sorted(path.name for path in note.parent.glob("*.png"))
        if prompt in prompts and images:
            entry = {"key": readable(note.parent.name), "prompt": prompt, "folder": str(note.parent), "images": images}
            found.append({**entry, "sampling": _sampling(facts.get("drawing"))})
    return found


def _sampling(drawing: Any) -> str:
    """How they were generated, as "512 × 512, 40 steps, CFG scale 7.5, DDIM"; "" where that is not known."""
    try:
        sampler = SAMPLER_TITLES[drawing["sampler"]]
        size, steps = f"{drawing['width']:d} × {drawing['height']:d}", f"{drawing['steps']:d} steps"
        return f"{size}, {steps}, CFG scale {drawing['guidance_scale']:g}, {sampler}"
    except (LookupError, TypeError, ValueError):
        return ""


def _notes(cache: Path) -> list[Path]:
    try:
        return sorted(cache.glob(f"*/{CLASS_IMAGES_NOTE}"))
    except ValueError:  # a path that cannot be: from Python 3.13 on it is not taken for one that is not there
        return []


def class_image_folder(host: Host, project: Project, key: str) -> str:
    """The folder of that key. Raises UserError if the project has none."""
    for folder in class_image_folders(host, project):
        if folder["key"] == key:
            return folder["folder"]
    raise UserError(f"Class images {key} not found: reload the page.")


def delete_class_image(folder: str, name: str) -> None:
    """Delete a class image; it is generated again when it is next needed. UserError: there is none of that name."""
    image_in(folder, name, "class").unlink()
