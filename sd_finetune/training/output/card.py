"""What the WebUI's cards show of a result: a picture and a few words, in files of the WebUI's own beside it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from ...data.captions import without_filewords
from ...families.facts import FamilyFacts
from ...runs.atomic import replacing
from ...runs.folder import RunFolder
from ...settings.options import Settings

PREVIEW, WORDS = ".preview.png", ".json"


def write_card(result: Path, run: RunFolder, settings: Settings, family: FamilyFacts) -> None:
    """Write what there is to show beside a finished result.

    The picture is the latest sample of the first prompt. A person's own words are kept: they are written once.
    """
    samples = sorted(run.samples.glob("step-*-00.png"))
    if samples:
        with replacing(result.with_name(result.stem + PREVIEW)) as unfinished:
            shutil.copyfile(samples[-1], unfinished)
    words = result.with_name(result.stem + WORDS)
    if not words.exists():
        with replacing(words) as unfinished:
            unfinished.write_text(json.dumps(_words(settings, family), indent=4) + "\n", encoding="utf-8")


def _words(settings: Settings, family: FamilyFacts) -> dict[str, Any]:
    """As the WebUI's "Edit metadata" keeps them; a click on a LoRA's card puts the activation text into the prompt."""
    prompt = without_filewords(settings.concepts[0].instance_prompt)
    about = {"description": f"{settings.method.replace('_', ' ')}, {settings.train.length}"}
    if settings.artefact() == "lora":
        return {**about, "sd version": family.version_on_cards, "activation text": prompt}
    return about
