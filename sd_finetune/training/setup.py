"""Everything a run needs, put together from its settings before the first step."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn

from ..data.concepts import Example, instance_examples
from ..data.latents import LatentSampler, MomentsCache, PictureEncoder
from ..data.prompt_templates import instance_sentences
from ..errors import UserError
from ..families.parts import ModelParts, load_parts
from ..formats.checkpoint import Checkpoint
from ..formats.metadata import BaseFacts, base_facts
from ..methods import attach_method, check_method
from ..methods.method import Method
from ..methods.new_word_prompts import class_word_warnings, word_warnings
from ..optimizers.build import build_optimizer, evaluation_weights, implementation_of
from ..runs.atomic import replacing
from ..runs.folder import RunFolder
from ..runs.messages import CommandReader, EventLog, Phase, Step, Warning_, read_events
from ..runs.resumable import refuse_to_resume
from ..runs.snapshots import latest_snapshot
from ..settings.duration import Duration
from ..settings.options import Settings
from .base_checkpoint import read_base
from .output.save import refuse_place
from .output.snapshots import read_snapshot
from .prior.class_examples import class_examples_of
from .prior.targets import BasePredictions, PriorTargets, prior_bank
from .step.batches import Batches, ExampleSet
from .step.conditioning import Conditioning
from .step.evaluation import FixedEvaluation
from .step.randomness import derived_seed

DTYPES = {"no": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass
class Training:
    """A run that is ready to train. `first_step` is 0, or where a resumed run goes on."""

    run: RunFolder
    settings: Settings
    base: Checkpoint
    accelerator: Accelerator
    parts: ModelParts
    method: Method
    optimizer: torch.optim.Optimizer
    batches: Batches
    prior_targets: PriorTargets | None
    conditioning: Conditioning
    evaluation: FixedEvaluation | None
    events: EventLog
    commands: CommandReader
    instances: ExampleSet
    classes: ExampleSet | None
    started_at: float
    first_step: int = 0

    @cached_property
    def base_facts(self) -> BaseFacts:
        """What the results say of the base; its hashes take seconds, so once a run."""
        return base_facts(self.base.path, self.base.architecture.prediction_type)

    @property
    def has_prior(self) -> bool:
        return self.classes is not None

    @property
    def total_steps(self) -> int:
        return self.steps_in(self.settings.train.length)

    @property
    def warmup_steps(self) -> int:
        return self.steps_in(self.settings.schedule.warmup)

    @property
    def trained_parameters(self) -> list[nn.Parameter]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def steps_in(self, duration: Duration) -> int:
        """A duration of the settings in optimizer steps."""
        return duration.steps(self.batches.steps_per_epoch)

    def is_due(self, every: Duration, step: int) -> bool:
        """Whether something done every so often is due after `step` steps; a duration of 0 never is."""
        interval = self.steps_in(every)
        return interval > 0 and step % interval == 0

    def record(self, event: Step) -> None:
        """Append a step to the events and to the table of losses."""
        self.events.append(event)
        new = not self.run.loss_csv.exists()
        with self.run.loss_csv.open("a", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            if new:
                table.writerow(["step", "epoch", "loss", "instance_loss", "prior_loss", *event.learning_rates])
            losses = (event.loss, event.instance_loss, "" if event.prior_loss is None else event.prior_loss)
            table.writerow([event.step, event.epoch, *losses, *event.learning_rates.values()])


def prepare(run: RunFolder, resume: bool, weights: Path | None = None) -> Training:
    """Load, draw class pictures, encode and attach; with `resume`, take the latest snapshot's values over.

    weights: as in `read_base`.

    Raises:
        UserError: the settings ask for what cannot be.
    """
    settings, events = run.read_settings(), EventLog(run.events)
    if resume:
        refuse_to_resume(run)
    commands = CommandReader(run.commands, after=_last_event_time(run))
    accelerator = accelerator_for(settings)
    refuse_place(run, settings)
    implementation_of(settings.optimizer.name)  # a missing package is told before anything is loaded
    events.append(Phase(name="loading", done=0, total=1))
    base = read_base(settings, weights)
    parts = load_parts(base)
    parts.to(accelerator.device, DTYPES[settings.train.mixed_precision])
    check_method(parts, settings, base)
    examples, warnings = instance_examples(
        settings.concepts, [instance_sentences(settings, c) for c in settings.concepts]
    )
    for message in [*warnings, *word_warnings(parts, settings, examples)]:
        events.append(Warning_(message=message))
    class_rows = class_examples_of(run.path.parent, settings, base, parts, examples, accelerator, events.append)
    for message in class_word_warnings(parts, settings, class_rows):
        events.append(Warning_(message=message))
    instances = _example_set(settings, parts, examples, "instance", events)
    classes = _class_set(settings, parts, class_rows, instances, events) if class_rows else None
    batches = Batches(parts, settings, instances, classes)
    bank = _prior_bank(run, settings, parts, batches, accelerator, events) if classes else None
    method = attach_method(parts, settings, base)
    if settings.train.gradient_checkpointing:
        _checkpoint_gradients(parts, settings.prompts_learn())
    _train_mode(parts, method)
    optimizer = accelerator.prepare(build_optimizer(method.parameter_groups(), settings))
    training = Training(
        run=run,
        settings=settings,
        base=base,
        accelerator=accelerator,
        parts=parts,
        method=method,
        optimizer=optimizer,
        batches=batches,
        prior_targets=bank or _live_prior(settings, parts, method, accelerator) if classes else None,
        conditioning=Conditioning(parts, settings.train.train_text_encoder),
        evaluation=_evaluation(parts, settings, instances),
        events=events,
        commands=commands,
        instances=instances,
        classes=classes,
        started_at=time.time(),
    )
    if resume:
        snapshot = latest_snapshot(run.snapshots)
        training.first_step, trained = read_snapshot(snapshot, optimizer, settings.optimizer.name, accelerator.scaler)
        method.load_trained_tensors(trained)
    _cut_losses(run, training.first_step)
    return training


def _last_event_time(run: RunFolder) -> float:
    """When the earlier worker of this run last said something, 0 if there was none; older commands were for it."""
    earlier, _ = read_events(run.events)
    return earlier[-1].time if earlier else 0.0


def _cut_losses(run: RunFolder, first_step: int) -> None:
    """Leave in the table of losses only the steps that will not be done again."""
    if not run.loss_csv.exists():
        return
    with run.loss_csv.open(newline="", encoding="utf-8") as file:
        heading, *rows = csv.reader(file)
    with replacing(run.loss_csv) as path, path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([heading, *(row for row in rows if int(row[0]) <= first_step)])


@contextmanager
def evaluating(training: Training) -> Iterator[None]:
    """The model in evaluation mode and without gradients, as it is used and not as it is trained."""
    for module in _modules_with_modes(training.parts, training.method):
        module.eval()
    try:
        with torch.no_grad(), evaluation_weights(training.optimizer, training.settings.optimizer.name):
            yield
    finally:
        _train_mode(training.parts, training.method)


def _checkpoint_gradients(parts: ModelParts, prompts_learn: bool) -> None:
    """Compute activations a second time instead of keeping them, in what gradients run through."""
    parts.unet.enable_gradient_checkpointing()
    if prompts_learn:
        parts.text_encoder.gradient_checkpointing_enable()
        # transformers checkpoints the reentrant way, through which no gradient comes unless the input asks for one;
        # with frozen embeddings a LoRA would learn nothing.
        parts.text_encoder.enable_input_require_grads()


def _train_mode(parts: ModelParts, method: Method) -> None:
    """Gradient checkpointing and a hypernetwork's dropout work in training mode only."""
    for module in _modules_with_modes(parts, method):
        module.train()


def _modules_with_modes(parts: ModelParts, method: Method) -> list[nn.Module]:
    return [parts.unet, parts.text_encoder, *method.networks.values()]


def accelerator_for(settings: Settings) -> Accelerator:
    """The device and the precision that the settings ask for. Raises UserError if the machine lacks them."""
    wanted, precision = settings.train.device, settings.train.mixed_precision
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError("train.device = 'cuda' needs a CUDA GPU and there is none: use train.device = 'auto'.")
    on_cpu = wanted == "cpu" or not torch.cuda.is_available()
    if on_cpu and precision == "fp16":
        raise UserError("train.mixed_precision = 'fp16' needs a CUDA GPU: use 'bf16' or 'no' on the CPU.")
    return Accelerator(mixed_precision=precision, cpu=on_cpu)


def _prior_bank(
    run: RunFolder, settings: Settings, parts: ModelParts, batches: Batches, accelerator: Accelerator, events: EventLog
) -> PriorTargets | None:
    """The untrained model's predictions, where it is not at hand any more once training has begun."""
    if not settings.has_prior_bank():
        return None
    predictions = BasePredictions(parts, settings.concepts, nullcontext, accelerator.autocast)
    return prior_bank(run.prior_bank, settings, batches, predictions, events.append)


def _live_prior(settings: Settings, parts: ModelParts, method: Method, accelerator: Accelerator) -> PriorTargets | None:
    """The untrained model itself, if the settings want the prior to come from it."""
    if settings.prior.source == "images":
        return None
    return BasePredictions(parts, settings.concepts, method.untrained, accelerator.autocast)


def _class_set(
    settings: Settings, parts: ModelParts, examples: list[Example], instances: ExampleSet, events: EventLog
) -> ExampleSet:
    """The class examples with their latents, which are the instances' where the pictures are."""
    known = {example.picture for example in instances.examples}
    if all(example.picture in known for example in examples):
        return ExampleSet(examples, instances.latents, derived_seed(settings.train.seed, "class order", 0))
    return _example_set(settings, parts, examples, "class", events)


def _example_set(
    settings: Settings, parts: ModelParts, examples: list[Example], role: str, events: EventLog
) -> ExampleSet:
    def report(done: int, total: int) -> None:
        events.append(Phase(name=f"caching {role} pictures", done=done, total=total))

    flip = settings.data.horizontal_flip
    encoder = PictureEncoder(parts.vae, settings.data.resolution)
    pictures = [example.picture for example in examples]
    moments = MomentsCache(encoder, pictures, flip, report) if settings.data.cache_latents else encoder
    order_seed = derived_seed(settings.train.seed, f"{role} order", 0)
    return ExampleSet(examples, LatentSampler(moments, parts.scale_factor, flip), order_seed)


def _evaluation(parts: ModelParts, settings: Settings, instances: ExampleSet) -> FixedEvaluation | None:
    wanted = settings.evaluation
    if wanted.every.amount == 0:
        return None
    return FixedEvaluation(parts, instances, wanted.pictures, wanted.draws, settings.train.seed)
