"""Rules between options, and rules that a range cannot express."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .catalogue import members
from .data_rules import bucket_sides, changing_images, extra_resolutions
from .devices_rules import not_on_mps, several_devices
from .ema_rules import one_average
from .faults import Broken, Faults
from .groups.textual_inversion import NAME
from .layer_structure import LEAST_MULTIPLE, MOST_MULTIPLE, is_dropout_structure, is_layer_structure, numbers
from .learned_words import OF_RUN, learned_words, word_of, word_rules
from .lora_rules import blocks, options_of_algorithm, pattern
from .loss_rules import kinds_of_noise, timestep_range, timestep_weights
from .memory_rules import bf16_weights, fused_backward
from .methods import METHODS
from .optimizer_rules import above_0, options_of_optimizer
from .optimizers import LEAST_MULTIPLIER, OPTIMIZERS
from .option import AUTO
from .options import Settings
from .prior_rules import decaying_prior
from .prompt_rules import weights
from .rates import Rates
from .result_files import each_in_a_file_of_its_own
from .result_name import fields_of, pattern_fault, stem_of
from .sample_syntax import unknown_in_prompt
from .schedule_rules import cycles, options_of_schedule, warmup

FILE_NAME_RULE = "use up to 100 letters, digits, spaces and ._-(), without a dot or space at the start or end"
DEVICE = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9¹²³]", re.IGNORECASE)
"""Names that Windows keeps for devices."""
MOST_NAME_BYTES = 200
"""Of a name: file systems take 255 for a file, and numbers, steps and endings come to it."""


def check_rules(settings: Settings, faults: Faults) -> None:
    """Add a fault for every rule that the settings break."""
    for rule in RULES:
        for names, sentence in rule(settings):
            if not any(faults.has(name) for name in names):
                faults.add(names[0], sentence, *names[1:])


def is_file_name(name: str) -> bool:
    """Whether a file, with an ending, can have this name on every system."""
    allowed = all(letter.isalnum() or letter in " ._-()" for letter in name)
    ends = allowed and 1 <= len(name) <= 100 and name[0] not in " ." and name[-1] not in " ."
    return ends and len(name.encode()) <= MOST_NAME_BYTES and not is_device_name(name)


def is_device_name(name: str) -> bool:
    """Whether Windows takes it for a device, such as a printer, whatever its ending is."""
    return bool(DEVICE.fullmatch(name.partition(".")[0].rstrip()))


def file_name_rule(name: str) -> str:
    """The rule that such a name breaks."""
    if len(name) <= 100 and len(name.encode("utf-8", "replace")) > MOST_NAME_BYTES:
        return f"it has more than {MOST_NAME_BYTES} bytes, use a shorter one"
    if is_device_name(name):
        return "Windows keeps it for a device, use another one"
    return FILE_NAME_RULE


def _base(settings: Settings) -> Iterator[Broken]:
    if not settings.base.checkpoint:
        yield ("base.checkpoint",), "base.checkpoint is missing: give the path of an SD 1.x or SDXL checkpoint."


def _output_name(settings: Settings) -> Iterator[Broken]:
    name = settings.output.name
    if not is_file_name(name):
        sentence = f'output.name = "{name}" is not valid as a file name: {file_name_rule(name)}'
        yield ("output.name",), f"{sentence}; for a folder use output.folder."


def _name_pattern(settings: Settings) -> Iterator[Broken]:
    pattern = settings.output.name_pattern
    if settings.result_kind() == "embedding" or not is_file_name(settings.output.name):
        return
    start, fault = f'output.name_pattern = "{pattern}"', pattern_fault(pattern)
    name = "" if fault else stem_of(pattern, fields_of(settings, settings.output.name, "2000-01-01"), 1, 1, True)
    if fault:
        yield ("output.name_pattern",), f"{start} is not valid: {fault}."
    elif not is_file_name(name):
        sentence = f'{start} makes "{name}", which is not valid as a file name: {file_name_rule(name)}'
        yield ("output.name_pattern",), f"{sentence}; for a folder use output.subfolder."


def _subfolder(settings: Settings) -> Iterator[Broken]:
    whole = settings.output.subfolder
    wrong = [name for name in re.split(r"[/\\]", whole) if not is_file_name(name)] if whole else []
    if wrong:
        sentence = f'output.subfolder = "{whole}" is not valid, because of "{wrong[0]}": {file_name_rule(wrong[0])}'
        yield ("output.subfolder",), f"{sentence}; for a folder elsewhere use output.folder."


def _mixed_precision(settings: Settings) -> Iterator[Broken]:
    if settings.train.device == "cpu" and settings.train.mixed_precision == "fp16":
        sentence = 'train.mixed_precision = "fp16" needs a GPU: with train.device = "cpu" use "bf16" or "no".'
        yield ("train.mixed_precision", "train.device"), sentence
    if settings.train.device == "mps":
        for name, rest in not_on_mps(settings):
            yield (name, "train.device"), f'train.device = "mps" {rest}'


def _methods(settings: Settings) -> Iterator[Broken]:
    """A switch cannot be on for a method that has no such thing; groups of other methods do not matter."""
    for group in members(Settings):
        if group.group is None or group.is_list or settings.method not in group.methods:
            continue
        for member in members(group.group):
            is_on = getattr(getattr(settings, group.name), member.name) is True
            if is_on and settings.method not in member.methods:
                name, others = f"{group.name}.{member.name}", ", ".join(member.methods)
                sentence = f"{name} = true is not for method {settings.method}, only for {others}"
                yield (name, "method"), f"{sentence}: set it to false, or choose another method."


def _multipliers(settings: Settings) -> Iterator[Broken]:
    """Learning rates that multiply the one that the optimizer finds for all that is trained."""
    optimizer = settings.optimizer.name
    if not OPTIMIZERS[optimizer].multiplies:
        return
    rates = _learning_rates(settings)
    for name, rate in rates.items():
        if min(rate.all()) < LEAST_MULTIPLIER:
            sentence = (
                f"{name} = {_written(rate)} is a factor to the learning rate that {optimizer} finds, and far too small"
            )
            yield (name, "optimizer.name"), f"{sentence}: set it to 1, or choose another optimizer."
    if OPTIMIZERS[optimizer].learning_rate == "multiplier":
        (first, first_rate), *others = rates.items()
        for name, rate in others:
            if rate != first_rate:
                sentence = f"{name} = {_written(rate)} differs from {first} = {_written(first_rate)}"
                rule = f"and {optimizer} finds one for both: set them to the same, or both to {AUTO}"
                yield (name, first, "optimizer.name"), f"{sentence}, {rule}."


def _written(rate: Rates) -> str:
    return f'"{rate}"' if rate.later else str(rate)


def _learning_rates(settings: Settings) -> dict[str, Rates]:
    """The learning rates that are used, by the option's name."""
    words = {"textual_inversion.learning_rate": settings.rates("embedding")} if settings.learns_word() else {}
    if METHODS[settings.method].learns_word:
        return words
    rates = {"train.unet_learning_rate": settings.rates("unet")}
    if settings.train.train_text_encoder:
        rates["train.text_encoder_learning_rate"] = settings.rates("text_encoder")
    return {**rates, **words}


def _concepts(settings: Settings) -> Iterator[Broken]:
    if not settings.concepts:
        yield (
            ("concepts",),
            "There is no concept to train: add [[concepts]] with concepts.folder and concepts.instance_prompt.",
        )
    for number, concept in enumerate(settings.concepts, start=1):
        folder, prompt = f"concepts.{number}.folder", f"concepts.{number}.instance_prompt"
        if not concept.folder:
            yield (folder,), f"{folder} is missing: give the folder of the training images."
        if not concept.instance_prompt.strip() and not settings.has_templates():
            yield (prompt,), f'{prompt} is empty: write what the images show, like "a photo of sks dog".'
        if NAME in concept.instance_prompt and not settings.learns_word():
            sentence = f'{prompt} = "{concept.instance_prompt}" has {NAME}, but no new word is trained'
            way_out = ", or set lora.new_words" if METHODS[settings.method].may_learn_words else ""
            yield (prompt, "method"), f"{sentence}: write a trigger word instead{way_out}."


def _captions(settings: Settings) -> Iterator[Broken]:
    asked = settings.captions
    if not asked.separator:
        yield ("captions.separator",), 'captions.separator is empty: write what stands between tags, like ",".'
    try:
        re.compile(asked.name_regex)
    except (re.error, RecursionError, OverflowError) as error:
        name = "captions.name_regex"
        yield (name,), f'{name} = "{asked.name_regex}" is not a regular expression ({error}): correct or empty it.'


def _samples(settings: Settings) -> Iterator[Broken]:
    for name, prompts in (
        ("samples.prompts", settings.samples.prompts), ("samples.negative_prompt", (settings.samples.negative_prompt,))
    ):  # fmt: skip
        for prompt in prompts:
            networks = "remove it, what is being trained is in every sample"
            unknown = unknown_in_prompt(prompt, networks, is_negative=name != "samples.prompts")
            if unknown:
                yield (name,), f'{name}: "{prompt}" {unknown}'


def _class_prompts(settings: Settings) -> Iterator[Broken]:
    weight = settings.prior_weight()
    for number, concept in enumerate(settings.concepts, start=1):
        name = f"concepts.{number}.class_prompt"
        if weight > 0 and not concept.class_prompt.strip():
            way_out = 'name the class, like "a photo of a dog", or set prior.weight = 0'
            yield (name, "prior.weight"), f"{name} is missing, and prior.weight = {weight:g} needs it: {way_out}."
        generated = settings.prior.has_images and not concept.class_folder
        if weight > 0 and "[filewords]" in concept.class_prompt and generated:
            problem = "asks for captions, which generated class images do not have"
            way_out = f"write a prompt without [filewords] or give concepts.{number}.class_folder"
            yield (name,), f'{name} = "{concept.class_prompt}" {problem}: {way_out}.'


def _hypernetwork(settings: Settings) -> Iterator[Broken]:
    if settings.method != "hypernetwork":
        return
    asked, group = settings.hypernetwork, "hypernetwork"
    structure, dropout, sizes = (_numbers(t) for t in (asked.layer_structure, asked.dropout_structure, asked.sizes))
    name = f"{group}.layer_structure"
    if structure is None or not is_layer_structure(structure):
        rule = (
            f'use numbers from {LEAST_MULTIPLE} to {MOST_MULTIPLE}, of which the first and last are 1, like "1, 2, 1"'
        )
        yield (name,), f'{name} = "{asked.layer_structure}" is not valid: {rule}.'
    elif dropout is None or (dropout and not is_dropout_structure(dropout, structure)):
        rule = f"use {len(structure)} numbers, as in {name}, from 0 to below 1, of which the first is 0"
        sentence = f'{group}.dropout_structure = "{asked.dropout_structure}" is not valid: {rule}.'
        yield (f"{group}.dropout_structure", name), sentence
    if sizes is None or any(size < 1 or size % 1 for size in sizes):
        sentence = f'{group}.sizes = "{asked.sizes}" is not valid: use whole numbers, 1 or more, like "768, 320".'
        yield (f"{group}.sizes",), sentence


def _new_words(settings: Settings) -> Iterator[Broken]:
    if not settings.learns_word():
        return
    yield from word_rules(settings)
    for word in learned_words(settings):
        if word.place != OF_RUN and not is_file_name(word.file):
            sentence = f'"{word.file}" is not valid as a file name: {file_name_rule(word.file)}'
            yield (word.file_option, word.option), f"{word.file_option}: {sentence}."
        if settings.has_words_beside() and settings.lora.bundles_words() and "." in word.word:
            sentence = f'{word.option} = "{word.word}" has a dot, which the names of words in a LoRA\'s file end at'
            yield (word.option, "lora.new_words"), f"{sentence}: leave it out."
    yield from _prompts_with_words(settings)


def _prompts_with_words(settings: Settings) -> Iterator[Broken]:
    asked = settings.textual_inversion
    if not settings.has_templates():
        for number, concept in enumerate(settings.concepts, start=1):
            if not _contains(concept.instance_prompt, [word_of(settings, concept), "[filewords]"]):
                name = f"concepts.{number}.instance_prompt"
                yield (name,), f'{name} = "{concept.instance_prompt}" lacks the new word: write {NAME} where it goes.'
    elif asked.template == "own":
        yield from _own_templates(asked.own_templates, [word.word for word in learned_words(settings)])


def _own_templates(templates: tuple[str, ...], words: Sequence[str]) -> Iterator[Broken]:
    name = "textual_inversion.own_templates"
    if not templates:
        yield (name, "textual_inversion.template"), f'{name} is empty: add prompts like "a photo of {NAME}".'
    for template in templates:
        if not _contains(template, words):
            yield (name,), f'{name} contains "{template}", which lacks the new word: write {NAME} where it goes.'


def _contains(prompt: str, words: Sequence[str]) -> bool:
    """Whether one of the words stands in a prompt, as far as that is known before there are tokens."""
    return any(word.lower() in prompt.lower() for word in (NAME, *words))


def _numbers(text: str) -> tuple[float, ...] | None:
    """The numbers of a text, None if it contains something else."""
    try:
        return numbers(text)
    except ValueError:
        return None


RULES = (
    _base,
    _output_name,
    _name_pattern,
    _subfolder,
    warmup,
    options_of_schedule,
    cycles,
    _mixed_precision,
    bf16_weights,
    fused_backward,
    several_devices,
    one_average,
    timestep_weights,
    timestep_range,
    kinds_of_noise,
    _methods,
    options_of_algorithm,
    pattern,
    blocks,
    options_of_optimizer,
    above_0,
    _multipliers,
    _concepts,
    _captions,
    _samples,
    weights,
    _class_prompts,
    decaying_prior,
    extra_resolutions,
    bucket_sides,
    changing_images,
    _new_words,
    each_in_a_file_of_its_own,
    _hypernetwork,
)
