"""Prepares a run from its settings, up to the first step."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from ..data.concepts import Example, instance_examples
from ..data.held_out import evaluation_concept, split_examples
from ..data.image_cache import image_cache, remove_unused
from ..data.masked_examples import masked_examples
from ..data.prompt_templates import instance_templates
from ..data.usable import Look
from ..errors import CannotWriteError, UserError
from ..families.family import DiffusionModel
from ..formats.checkpoint import Checkpoint
from ..methods import attach_method, check_method, method_class
from ..methods.method import Method
from ..optimizers.build import implementation_of
from ..optimizers.parameter_group import biases_norms_and_embeddings
from ..runs.folder import RunFolder
from ..runs.loss_table import cut_losses
from ..runs.messages import Event, EventLog, Phase, Warning_
from ..runs.result_paths import refuse_place, result_paths
from ..runs.resumable import refuse_to_resume
from ..runs.unfinished import remove_leftovers
from ..settings.methods import METHODS
from ..settings.optimizers import OPTIMIZERS
from ..settings.options import Settings
from ..settings.prompt_reading import trained_reading
from .average import average_of
from .base_checkpoint import about_base, read_base
from .compute.channels_last import is_faster, put_channels_last
from .compute.compiled import compile_blocks
from .device import Accelerator, accelerator_for
from .orders import Orders, orders_of
from .out_of_vram import phase_of_vram
from .phases import look_of, telling
from .placement import Placement
from .prior.class_examples import class_examples_of
from .prior.targets import BasePredictions, all_targets, stored_targets
from .processes.processes import ALONE, Processes
from .prompt_warnings import about_prompts, refuse_prompts
from .ready_model import ready_model
from .resumed import load_snapshot
from .room import check_room
from .state import Training, train_mode
from .step.batches import Batches
from .step.conditioning import MOST_BYTES_IN_RAM, Conditioning, bytes_of_prompts
from .step.evaluation import fixed_evaluation
from .step.example_sets import ExampleSet, class_example_set, example_set
from .step.updates import Updates
from .tensorboard import TensorBoard


def prepare(
    run: RunFolder,
    resume: bool,
    weights: Path | None = None,
    orders: Orders | None = None,
    events: EventLog | None = None,
    processes: Processes = ALONE,
) -> Training:
    """Load, generate class images, encode and attach; with `resume`, load the latest snapshot.

    weights: as in `read_base`. orders: by default the commands that are sent from now on. events: the run's log where
    one is open. processes: those of the run, this one among them; what is said of them is said by the first alone.

    Raises:
        UserError: the settings cannot be used.
        StopAsked: it was told to stop meanwhile.
    """
    orders, events = orders or orders_of(run), events or EventLog(run.events)
    settings, emit = run.read_settings(), orders.asked_after(events.append)
    accelerator = _accelerator(run, settings, resume, processes)
    emit(Phase(name="loading", done=0, total=1))
    base = _base(settings, weights, accelerator, events)
    model, placement = ready_model(base, settings, accelerator)
    check_method(model, settings, base)
    runs, place, check = run.path.parent, placement.brought_back, orders.check
    look = look_of(settings, runs, emit)
    examples, held_out = _instance_examples(settings, model, base, events, look)
    class_rows = class_examples_of(runs, settings, base, model, examples, accelerator, emit, check, place, processes)
    _warn_of_class_rows(settings, model, class_rows, events)
    all_rows = examples, class_rows, held_out
    _refuse_differences(all_rows, processes)
    instances, classes, evaluated = _encoded(run, settings, model, placement, all_rows, emit, processes)
    placement.bring(["unet", *model.text_encoders])
    batches = Batches(model, settings, instances, classes, processes)
    stored = stored_targets(run, settings, model, batches, accelerator, emit, processes)
    method = attach_method(model, settings, base)
    begin_training(model, method, settings, accelerator.device)
    sources = all_targets(stored, settings, model, method.untrained, accelerator, place, batches.has_classes)
    updates = Updates(method.parameter_groups(), settings, accelerator, undecayed(model, method, settings))
    training = Training(
        run=run,
        settings=settings,
        base=base,
        accelerator=accelerator,
        model=model,
        method=method,
        updates=updates,
        average=average_of(updates.parameters, settings.ema) if processes.number == 0 else None,
        batches=batches,
        sources=sources,
        conditioning=Conditioning(model, settings.train.train_text_encoder, place, trained_reading(settings)),
        placement=placement,
        evaluation=fixed_evaluation(settings, model, evaluated or instances),
        events=events,
        orders=orders,
        instances=instances,
        classes=classes,
        processes=processes,
    )
    return _at_first_step(training, resume)


def _refuse_differences(rows: Sequence[Sequence[Example]], processes: Processes) -> None:
    """Raise UserError where this process has found other examples than the first one, with which it could not train."""
    own = [(e.image, e.prompt, e.variants, e.untrained_prompt, e.mask) for examples in rows for e in examples]
    found = hashlib.sha256(repr(own).encode("utf-8", "backslashreplace")).hexdigest()
    if processes.of_first(found) != found:
        raise UserError("The images or their captions were changed while the run was starting: start it again.")


def _warn_of_class_rows(settings: Settings, model: DiffusionModel, rows: Sequence[Example], events: EventLog) -> None:
    if rows:
        _warn(events, method_class(settings.method).class_warnings(model, settings, rows))
        _warn(events, list(about_prompts(model, settings, rows)))


def _base(settings: Settings, weights: Path | None, accelerator: Accelerator, events: EventLog) -> Checkpoint:
    """The base checkpoint, for which there is room; what is doubtful about it becomes warnings."""
    base = read_base(settings, weights)
    _warn(events, about_base(base))
    check_room(settings, base, accelerator.device, events)
    return base


def _at_first_step(training: Training, resume: bool) -> Training:
    """The same, at the step from which it goes on."""
    if resume:
        load_snapshot(training)
    if training.settings.train.compile:
        compile_blocks(training.model.unet, training.accelerator.device, lambda told: _warn(training.events, [told]))
    _put_text_encoders_away(training)
    if training.processes.number > 0:
        return training
    _cut_losses(training)
    if training.settings.output.log_with == "tensorboard":
        training.events.listeners.append(TensorBoard(training.run, training.events, training.first_step).show)
    return training


def _cut_losses(training: Training) -> None:
    """Take the steps that this run repeats out of the table of losses."""
    try:
        cut_losses(training.run.loss_csv, training.first_step)
    except CannotWriteError as error:
        _warn(training.events, [f"{error} It keeps the steps that are repeated."])


def _accelerator(run: RunFolder, settings: Settings, resume: bool, processes: Processes) -> Accelerator:
    """Where the run is trained. What snapshot, optimizer or results' folder lack is told before anything is loaded."""
    if resume:
        refuse_to_resume(run)
    accelerator = accelerator_for(settings)
    implementation_of(settings.optimizer.name, on_gpu=accelerator.device.type == "cuda")
    if processes.number == 0:  # which alone writes results
        remove_leftovers(list(dict.fromkeys(path.parent for path in result_paths(run, settings))))
        refuse_place(run, settings)
    return accelerator


def _instance_examples(
    settings: Settings, model: DiffusionModel, base: Checkpoint, events: EventLog, look: Look
) -> tuple[list[Example], list[Example]]:
    """The training images with their prompts, and those that are only evaluated on, if the settings ask for some.

    Problems with some of them, and with the base, become warnings.
    """
    refuse_prompts(model, settings)
    templates = [instance_templates(settings, concept) for concept in settings.concepts]
    evaluated = settings.evaluation.used_folder()
    examples, warnings = instance_examples(settings.concepts, settings.captions, templates, look, evaluated)
    examples, about_masks = masked_examples(examples, settings.concepts, settings.masks)
    examples, held_out = split_examples(examples, settings.held_out())
    if shown := evaluation_concept(settings):
        held_out = instance_examples([shown], settings.captions, [templates[0]], look)[0]
    method = method_class(settings.method)
    _warn(
        events,
        [*method.result_warnings(base), *warnings, *about_masks, *method.instance_warnings(model, settings, examples)],
    )
    _warn(events, list(about_prompts(model, settings, examples)))
    return examples, held_out


def _warn(events: EventLog, messages: list[str]) -> None:
    for message in messages:
        events.append(Warning_(message=message))


def _put_text_encoders_away(training: Training) -> None:
    """Once all prompts of the run are encoded, frozen text encoders are not needed any more.

    They stay where prompts are too many to be kept, such as those of shuffled captions.
    """
    if training.settings.prompts_learn() or not training.placement.moves:
        return
    classes: Sequence[Example] = training.classes.examples if training.classes else []
    own, of_classes = _all_prompts(training.instances.examples), _all_prompts(classes)
    untrained = [example.untrained_prompt for example in classes]
    if own is None or of_classes is None:
        return
    evaluated = training.evaluation.prompts() if training.evaluation else []
    prompts, reading = len({*own, *of_classes, *untrained, *evaluated}), trained_reading(training.settings)
    if bytes_of_prompts(training.model, prompts, reading) > MOST_BYTES_IN_RAM:
        return
    samples = training.settings.samples
    report = telling("encoding prompts", training.orders.asked_after(training.events.append))
    with training.accelerator.autocast():
        training.conditioning.cache([*own, *of_classes, *evaluated], report, training.processes)
        if samples.prompts and training.processes.number == 0:
            training.sample_conditioning.cache([*samples.prompts, samples.negative_prompt])
    for source, shown in ((training.sources.prior, untrained), (training.sources.outside, own)):
        if isinstance(source, BasePredictions):
            source.cache_prompts(shown, report, training.processes)
    training.placement.put_away(training.model.text_encoders)


def _encoded(
    run: RunFolder,
    settings: Settings,
    model: DiffusionModel,
    placement: Placement,
    examples: tuple[list[Example], list[Example], list[Example]],
    emit: Callable[[Event], None],
    processes: Processes,
) -> tuple[ExampleSet, ExampleSet | None, ExampleSet | None]:
    """Examples with their latents; nothing but the VAE is on the GPU.

    examples: of training, of the class, and those that are only evaluated on, of which there may be none.
    """
    cache = image_cache(settings, run.path.parent)
    with phase_of_vram("encoding"):
        placement.bring(["vae"])
        trained, class_rows, held_out = examples
        instances = example_set(settings, model, trained, "instance", cache, emit, processes)
        classes = (
            class_example_set(settings, model, class_rows, instances, cache, emit, processes) if class_rows else None
        )
        evaluated = example_set(settings, model, held_out, "evaluation", cache, emit, processes) if held_out else None
    if settings.data.latents_are_cached():
        placement.put_away(["vae"])
    remove_unused(cache)
    return instances, classes, evaluated


def _all_prompts(examples: Sequence[Example]) -> list[str] | None:
    """Every prompt that is shown with these examples; None where they are too many to be told."""
    found: dict[str, None] = {}
    for example in set(examples):
        prompts = example.all_prompts()
        if prompts is None:
            return None
        found.update(dict.fromkeys(prompts))
    return list(found)


def begin_training(model: DiffusionModel, method: Method, settings: Settings, device: torch.device) -> None:
    """What is trained is laid out as it stays: an optimizer, a CUDA graph may go by where it is in memory."""
    keeps_layout = OPTIMIZERS[settings.optimizer.name].keeps_layout
    if keeps_layout and is_faster(device, settings.train.mixed_precision):
        put_channels_last([model.unet, *method.networks.values()])
    if settings.train.gradient_checkpointing:
        _checkpoint_gradients(model, settings.prompts_learn())
    train_mode(model, method)


def undecayed(model: DiffusionModel, method: Method, settings: Settings) -> frozenset[nn.Parameter]:
    """What weight decay spares. Where new words alone are trained, a decay of them was asked for."""
    if settings.optimizer.decay_all or METHODS[settings.method].learns_word:
        return frozenset()
    return biases_norms_and_embeddings([model.unet, *model.text_encoders.values(), *method.networks.values()])


def _checkpoint_gradients(model: DiffusionModel, prompts_learn: bool) -> None:
    """Recompute activations in the backward pass instead of keeping them, in the modules that gradients run through."""
    model.unet.enable_gradient_checkpointing()
    if prompts_learn:
        for text_encoder in model.text_encoders.values():
            text_encoder.gradient_checkpointing_enable()
            # transformers uses reentrant checkpointing, which gives no gradients unless the input requires them:
            # with frozen embeddings a LoRA would learn nothing.
            text_encoder.enable_input_require_grads()
