"""Preview image and metadata of a result for the WebUI's cards, in files beside the result."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from ...data.captions import Caption
from ...data.prompt_building import plain_prompt
from ...families.facts import FamilyFacts
from ...runs.atomic import replacing
from ...runs.folder import RunFolder
from ...runs.own_files import CARD_IMAGE
from ...settings.groups.textual_inversion import NAME
from ...settings.learned_words import word_of
from ...settings.methods import METHODS
from ...settings.options import Settings
from ...settings.result_files import result_files

PREVIEW, METADATA = f"{CARD_IMAGE}.png", ".json"


def write_card(result: Path, run: RunFolder, settings: Settings, family: FamilyFacts, number: int = 0) -> None:
    """Write preview image and metadata beside a finished result.

    The preview is the latest sample of the first prompt, with several new words of the first that says this one.
    Existing metadata is kept, as the user may have edited it.

    number: of the result, in the order of `result_files`.
    """
    samples = sorted(run.samples.glob(f"step-*-{_prompt_shown(settings, number):02d}.png"))
    if samples:
        with replacing(result.with_name(result.stem + PREVIEW)) as unfinished:
            shutil.copyfile(samples[-1], unfinished)
    metadata = result.with_name(result.stem + METADATA)
    if not metadata.exists():
        with replacing(metadata) as unfinished:
            unfinished.write_text(json.dumps(_metadata(settings, family, number), indent=4) + "\n", encoding="utf-8")


def _prompt_shown(settings: Settings, number: int) -> int:
    several = len(result_files(settings)) > 1
    own = result_files(settings)[number].word
    word = own.word.lower() if own and several else ""
    return next((k for k, prompt in enumerate(settings.samples.prompts) if word in prompt.lower()), 0)


def _metadata(settings: Settings, family: FamilyFacts, number: int) -> dict[str, Any]:
    """As from the WebUI's "Edit metadata"; a click on a LoRA's card puts the activation text into the prompt."""
    first = settings.concepts[0]
    template = first.instance_prompt.replace(NAME, word_of(settings, first))
    prompt = plain_prompt(template, Caption(""), settings.captions).strip(" ,")
    about = {"description": f"{METHODS[settings.method].title}, {settings.train.length}"}
    if result_files(settings)[number].kind == "lora":
        words = settings.output.trigger_phrase or prompt
        return {**about, "sd version": family.version_on_cards, "activation text": words}
    return about
