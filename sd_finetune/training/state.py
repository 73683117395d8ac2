"""The state of a run that is ready to train."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property, partial

import torch
from torch import Tensor, nn

from ..families.family import DiffusionModel
from ..formats.checkpoint import Checkpoint
from ..formats.metadata import BaseFacts, base_facts
from ..methods.method import Method
from ..optimizers.build import evaluation_weights, has_evaluation_weights
from ..runs.folder import RunFolder
from ..runs.held import Held
from ..runs.loss_table import append_losses
from ..runs.messages import Evaluation, EventLog, Step, Warning_, read_events
from ..settings.duration import Duration
from ..settings.options import Settings
from ..settings.prompt_reading import sample_reading
from .average import Average, in_use
from .device import Accelerator
from .intervals import Intervals
from .orders import Orders
from .placement import Placement
from .prior.class_images import hash_notes
from .processes.processes import ALONE, Processes
from .step.batches import Batches
from .step.capture import CapturedGradients, recorder_for
from .step.conditioning import Conditioning
from .step.evaluation import FixedEvaluation
from .step.example_sets import ExampleSet
from .step.gradients import Compute, Gradients, PlainGradients, Sources
from .step.updates import Updates

AVERAGE = "average of "
"""Begins the names of averages in a snapshot."""


@dataclass
class Training:
    """A run that is ready to train. `first_step` is 0, or the step at which a resumed run continues."""

    run: RunFolder
    settings: Settings
    base: Checkpoint
    accelerator: Accelerator
    model: DiffusionModel
    method: Method
    updates: Updates
    average: Average | None
    """Of the trained weights."""
    batches: Batches
    sources: Sources
    """Of targets that the untrained model predicts."""
    conditioning: Conditioning
    placement: Placement
    evaluation: FixedEvaluation | None
    events: EventLog
    orders: Orders
    instances: ExampleSet
    classes: ExampleSet | None
    started_at: float = field(default_factory=time.time)
    """Unix seconds."""
    first_step: int = 0
    step: int = 0
    """How many steps of the run are learned; 0 until the first of this worker's is."""
    parts_that_stay: set[str] = field(default_factory=set[str])
    """By their learning rates' names (`settings.methods.RATE_OPTIONS`), those that were trained for their share of the
    run."""
    processes: Processes = ALONE
    """Those of the run."""

    @cached_property
    def sample_conditioning(self) -> Conditioning:
        """Encodes the prompts of samples, once where nothing changes them."""
        trained, place = self.settings.train.train_text_encoder, self.placement.brought_back
        return Conditioning(self.model, trained, place, sample_reading(self.settings))

    @cached_property
    def base_facts(self) -> BaseFacts:
        """The base checkpoint's facts for metadata; the hash takes seconds and is computed once."""
        return base_facts(self.base, hash_notes(self.run.path.parent, self.settings))

    @cached_property
    def evaluated(self) -> dict[int, float]:
        """The evaluation losses by step: those from before this worker, to which its own are added."""
        events, _ = read_events(self.run.events)
        return {e.step: e.loss for e in events if isinstance(e, Evaluation) and e.step <= self.first_step}

    @cached_property
    def _losses(self) -> Held[Step]:
        return Held(partial(append_losses, self.run.loss_csv))

    @cached_property
    def gradients(self) -> Gradients:
        """Computes the gradients of the run's batches."""
        compute: Compute = PlainGradients(self.model, self.settings, self.accelerator, self.sources)
        recorder = recorder_for(self.settings, self.accelerator.device)
        if recorder is not None:
            compute = CapturedGradients(compute, self.updates.parameters, recorder, self.warn)
        return Gradients(self.accelerator, self.conditioning, self.sources, compute)

    def warn(self, message: str) -> None:
        """Tell of a problem that does not end the run."""
        self.events.append(Warning_(message=message))

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
    def optimizer(self) -> torch.optim.Optimizer:
        return self.updates.optimizer

    @contextmanager
    def weights_to_use(self, averaged: bool) -> Generator[None, None, None]:
        """The trained weights are those to be used rather than to be trained, while the block runs.

        averaged: whether they are the average's, if there is one.
        """
        with evaluation_weights(self.optimizer, self.settings.optimizer.name), in_use(self.average, averaged):
            yield

    def kept_tensors(self) -> dict[str, Tensor]:
        """What a snapshot keeps of what is trained: the weights and their average."""
        trained = self.method.trained_tensors()
        averages = self.average.named(trained) if self.average else {}
        return {**trained, **{f"{AVERAGE}{name}": value for name, value in averages.items()}}

    def load_kept_tensors(self, kept: Mapping[str, Tensor]) -> None:
        """Take over what `kept_tensors` returned; of a run without an average that starts from the weights.

        Raises:
            KeyError, ValueError, RuntimeError: they are of other settings.
        """
        averages = {name.removeprefix(AVERAGE): value for name, value in kept.items() if name.startswith(AVERAGE)}
        trained = {name: value for name, value in kept.items() if not name.startswith(AVERAGE)}
        self.method.load_trained_tensors(trained)
        if self.average:
            self.average.load(averages or trained, self.method.trained_tensors())

    def steps_in(self, duration: Duration) -> int:
        """A duration of the settings in optimizer steps."""
        return duration.steps(self.batches.steps_per_epoch)

    @cached_property
    def intervals(self) -> Intervals:
        """What is due; minutes count from the first step of this worker."""
        return Intervals(self.batches.steps_per_epoch)

    def record(self, event: Step) -> None:
        """Append a step to the events and to `loss.csv`."""
        self.events.append(event)
        self._losses.append(event)


@contextmanager
def evaluating(training: Training) -> Generator[None, None, None]:
    """The model in evaluation mode and without gradients, while the block runs."""
    for module in _modules_with_modes(training.model, training.method):
        module.eval()
    try:
        with torch.no_grad(), training.weights_to_use(training.settings.ema.samples), _encodings(training):
            yield
    finally:
        train_mode(training.model, training.method)
        if "text_encoder_learning_rate" in training.parts_that_stay:
            for module in text_modules(training.model, training.method):
                module.eval()


def _encodings(training: Training) -> AbstractContextManager[None]:
    """Of prompts: parts that are trained no more may have other weights here than prompts were encoded with."""
    averages = training.average is not None and training.settings.ema.samples
    others = averages or has_evaluation_weights(training.settings.optimizer.name)
    return training.conditioning.with_other_weights() if others and training.parts_that_stay else nullcontext()


def train_mode(model: DiffusionModel, method: Method) -> None:
    """Put the model into training mode: gradient checkpointing and dropout work in no other."""
    for module in _modules_with_modes(model, method):
        module.train()


def text_modules(model: DiffusionModel, method: Method) -> list[nn.Module]:
    """The text encoders, and what the method has beside their layers."""
    beside = [module for part, module in method.networks.items() if part in model.text_encoders]
    return [*model.text_encoders.values(), *beside]


def _modules_with_modes(model: DiffusionModel, method: Method) -> list[nn.Module]:
    return [model.unet, *model.text_encoders.values(), *method.networks.values()]
