"""The batches of an optimizer step: everything that does not depend on the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ...data.concepts import Example
from ...data.cropping import Size, SizeIds
from ...data.epoch_order import EpochOrder
from ...diffusion.loss import decayed_prior_weight
from ...families.conditioning import TextConditioning
from ...families.family import DiffusionModel
from ...families.sent import sent_to
from ...settings.options import Settings
from ..processes.processes import ALONE, Processes
from .draws import drawn_noise, drawn_timesteps, perturbed_noise
from .example_sets import ExampleSet
from .randomness import derived_seed, generator_for

Role = Literal["class", "instance"]
"""Of the rows of a batch: class examples, whose targets `Prior.is_predicted` is of, or training images."""


@dataclass(frozen=True)
class Batch:
    """One forward pass. latents, noise: (batch, 4, height/8, width/8); timesteps: (batch,).

    The counts are those of the whole optimizer step that the batch belongs to.
    """

    latents: Tensor
    noise: Tensor
    timesteps: Tensor
    prompts: list[str]
    class_rows: int
    """How many of the rows are class examples, which come last."""
    class_examples: Sequence[Example]
    """Those of the class rows."""
    class_numbers: Sequence[int]
    """Their numbers among all class examples used so far, or in the prediction bank."""
    instance_count: int
    class_count: int
    instance_numbers: Sequence[int] = ()
    """Of the instance rows, as those of the class rows."""
    masks: Tensor | None = None
    """What of each row is learned, (batch, 1, height/8, width/8), 0 … 1; None where all of it is."""
    perturbed: Tensor | None = None
    """The noise of the noisy latents where that is not what is to be predicted."""
    size_ids: Tensor | None = None
    """As in `TextConditioning`, where the family's UNet is told them."""
    prior_weight: Tensor | None = None
    """A scalar: the prior loss weight of this step, where that is not the same in all; read by captured steps too."""

    @property
    def shown_noise(self) -> Tensor:
        """The noise of the noisy latents."""
        return self.noise if self.perturbed is None else self.perturbed

    @property
    def instance_rows(self) -> int:
        """How many of the rows are training images, which come first."""
        return len(self.latents) - self.class_rows

    def told(self, prompts: TextConditioning, rows: slice = slice(None)) -> TextConditioning:
        """What the UNet is told of these rows: their prompts, and the sizes of their images."""
        return prompts if self.size_ids is None else replace(prompts, size_ids=self.size_ids[rows])

    def tensors(self) -> tuple[Tensor, ...]:
        """Those that there are, in a fixed order."""
        needed = (self.latents, self.noise, self.timesteps)
        own = (*needed, self.masks, self.perturbed, self.size_ids, self.prior_weight)
        return tuple(tensor for tensor in own if tensor is not None)

    def each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """The same with every tensor changed."""
        own = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **{name: change(tensor) for name, tensor in own.items()})


class _Rows(NamedTuple):
    """A part of a batch."""

    latents: Tensor
    noise: Tensor
    timesteps: Tensor
    masks: Tensor
    shown_noise: Tensor
    size_ids: Tensor
    prompts: list[str]


class Batches:
    """The batches of each optimizer step: as many class examples as instance examples in every step.

    An optimizer step takes `gradient_accumulation_steps` batches of an epoch, the last one what is left, each of
    `rows` examples or of what is left of a size, so that each epoch uses each image exactly once per repeat. Of each
    batch this process has its share, with the numbers that make what is random: so the shares of all processes are
    what one process would do alone.
    Class examples of the size of the instance examples are in one forward pass with them, others in passes of their
    own, in which the loss is the same.

    With a bank of predictions outside of masks each training image has as many draws of noise as that has room for,
    which come in turn from epoch to epoch.
    """

    def __init__(
        self,
        model: DiffusionModel,
        settings: Settings,
        instances: ExampleSet,
        classes: ExampleSet | None,
        processes: Processes = ALONE,
    ) -> None:
        self._model, self._settings, self._processes = model, settings, processes
        self.instances, self.classes = instances, classes
        self._cycle = (
            max(1, settings.masks.bank_size // len(instances.examples)) if settings.has_outside_bank() else None
        )
        self._class_cycle = settings.prior.bank_size if settings.has_prior_bank() else None
        self.batch_size, self.has_classes = settings.train.batch_size, classes is not None
        rows, accumulation = settings.train.rows, settings.train.gradient_accumulation_steps
        self._order = EpochOrder(instances.sizes, instances.order_seed, rows, accumulation)
        self._class_order = EpochOrder(classes.sizes, classes.order_seed, rows) if classes else None
        self.steps_per_epoch = self._order.steps_per_epoch

    def of_step(self, step: int) -> Iterator[Batch]:
        """This process's share of the batches of optimizer step `step` (0 is the first), on the model's device."""
        batches, first = self._order.batches(step), self._order.position(step)
        count = sum(map(len, batches))
        for chosen in batches:
            own = self._processes.share(range(len(chosen)))
            if own:
                yield from self._with_classes([chosen[k] for k in own], first + own[0], count)
            first += len(chosen)

    def _with_classes(self, chosen: Sequence[int], first: int, step_count: int) -> Iterator[Batch]:
        """The batch of instance examples, the `first`-th that is used and those that follow, with class examples."""
        of_size = self._by_size(self._class_numbers(range(first, first + len(chosen))))
        size = self.instances.crops[chosen[0]].size
        yield self._batch(chosen, self._numbers(chosen, first), of_size.pop(size, []), step_count)
        for others in of_size.values():
            yield self._batch([], [], others, step_count)

    def of_class(self, numbers: Sequence[int]) -> Batch:
        """The batch of class examples alone, of one size, with their `numbers` among all that are used."""
        return self._batch([], [], numbers, len(numbers))

    def of_instances(self, numbers: Sequence[int]) -> Batch:
        """The batch of instance examples alone, of one size, with their `numbers` in the bank."""
        return self._batch([self.instance_example(number) for number in numbers], numbers, [], len(numbers))

    def used_before(self, step: int) -> int:
        """How many class examples, as many as instance examples, are used before optimizer step `step`."""
        return self._order.position(step)

    def outside_numbers(self, steps: int) -> int:
        """How many numbers instance examples have in a bank for so many optimizer steps."""
        epochs = -(-steps // self.steps_per_epoch)
        return min(epochs, self._cycle or epochs) * self._order.count

    def instance_example(self, number: int) -> int:
        """Which of the instance examples has a number in the bank."""
        return number % self._order.count

    def instance_size(self, number: int) -> Size:
        """Width and height of the instance example of a number in the bank."""
        return self.instances.crops[self.instance_example(number)].size

    def class_size(self, number: int) -> Size:
        """Width and height of the class example of a number."""
        assert self.classes is not None
        return self.classes.crops[self.class_example(number)].size

    def _numbers(self, chosen: Sequence[int], first: int) -> Sequence[int]:
        """The numbers of instance examples, the `first`-th that is used and those that follow; in a bank, in turn."""
        if self._cycle is None:
            return range(first, first + len(chosen))
        turn = first // self._order.count % self._cycle
        return [turn * self._order.count + example for example in chosen]

    def _class_numbers(self, numbers: Sequence[int]) -> list[int]:
        """The numbers of the class examples that go with instance examples; those in a bank are used in turn."""
        if self.classes is None:
            return []
        return [number % self._class_cycle if self._class_cycle else number for number in numbers]

    def class_example(self, number: int) -> int:
        """Which of the class examples has a number: where they have several sizes, batches decide it."""
        assert self._class_order is not None
        return self._class_order.at(number)

    def _by_size(self, class_numbers: Sequence[int]) -> dict[Size, list[int]]:
        found: dict[Size, list[int]] = {}
        for number in class_numbers:
            found.setdefault(self.class_size(number), []).append(number)
        return found

    def _batch(
        self, chosen: Sequence[int], numbers: Sequence[int], class_numbers: Sequence[int], step_count: int
    ) -> Batch:
        """The batch of instance examples `chosen`, the `numbers`-th that are used, and of those class examples."""
        rows = [self._rows(self.instances, chosen, numbers, "instance")] if chosen else []
        class_chosen = [self.class_example(number) for number in class_numbers]
        if self.classes is not None and class_chosen:
            rows.append(self._rows(self.classes, class_chosen, class_numbers, "class"))
        device = self._model.unet.device
        latents, noise, timesteps = (
            sent_to(device, torch.cat(tensors)) for tensors in zip(*(row[:3] for row in rows), strict=True)
        )
        is_perturbed = self._settings.noise.input_perturbation > 0
        is_told_sizes = self._model.family.facts.size_ids
        is_masked = bool(chosen) and self._settings.masks.source != "none"
        return Batch(
            latents=latents,
            noise=noise,
            timesteps=timesteps,
            prompts=[prompt for row in rows for prompt in row.prompts],
            class_rows=len(class_numbers),
            class_examples=[self.classes.examples[i] for i in class_chosen] if self.classes else [],
            class_numbers=class_numbers,
            instance_count=step_count,
            class_count=step_count if self.classes is not None else 0,
            instance_numbers=numbers,
            masks=sent_to(device, torch.cat([row.masks for row in rows])) if is_masked else None,
            perturbed=sent_to(device, torch.cat([row.shown_noise for row in rows])) if is_perturbed else None,
            size_ids=sent_to(device, torch.cat([row.size_ids for row in rows])) if is_told_sizes else None,
        )

    def _rows(self, source: ExampleSet, chosen: Sequence[int], numbers: Sequence[int], stream: str) -> _Rows:
        seed = self._settings.train.seed
        draws = [
            source.draw(i, generator_for(seed, f"{stream} latents", n)) for i, n in zip(chosen, numbers, strict=True)
        ]
        latents, masks = (torch.stack(each) for each in zip(*(one[:2] for one in draws), strict=True))
        noise = drawn_noise(self._settings, stream, numbers, tuple(latents.shape[1:]))
        timesteps = drawn_timesteps(self._settings, stream, numbers, len(self._model.alphas_cumprod))
        prompts = [drawn_prompt(source.examples[i], seed, stream, n) for i, n in zip(chosen, numbers, strict=True)]
        shown_noise = perturbed_noise(self._settings, stream, numbers, noise)
        sizes = rows_of_size_ids([one.size_ids for one in draws])
        return _Rows(latents, noise, timesteps, masks, shown_noise, sizes, prompts)


def drawn_prompt(example: Example, seed: int, stream: str, number: int) -> str:
    """A random prompt of an example, the `number`-th that is used; what changes in it has a stream of its own."""
    prompts = (example.prompt, *example.variants)
    chosen = int(torch.randint(len(prompts), (), generator=generator_for(seed, f"{stream} prompt", number)))
    if example.random is None:
        return prompts[chosen]
    return example.random.draw(chosen, Random(derived_seed(seed, f"{stream} caption", number)))


def with_prior_weight(batch: Batch, settings: Settings, step: int, steps_per_epoch: int) -> Batch:
    """The same with the prior loss weight of its step, where that decays and the step has class examples."""
    length = settings.prior.decay.steps(steps_per_epoch)
    if not length or not batch.class_count:
        return batch
    weight = decayed_prior_weight(step, length, settings.prior_weight(), settings.prior.minimum)
    return replace(batch, prior_weight=sent_to(batch.latents.device, torch.tensor(weight)))


def rows_of_size_ids(size_ids: Sequence[SizeIds]) -> Tensor:
    """As in `TextConditioning`, on the CPU."""
    return torch.tensor(size_ids, dtype=torch.float32)
