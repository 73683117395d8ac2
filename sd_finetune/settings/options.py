"""All options of a run. Each is defined once, in its group: default, unit, range, methods and help."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from .algorithms import ALGORITHMS
from .groups.base import Base
from .groups.captions import Captions
from .groups.data import Concept, Data
from .groups.ema import Ema
from .groups.hypernetwork import Hypernetwork
from .groups.lora import Lora
from .groups.loss import Loss
from .groups.masks import Masks
from .groups.noise import Noise
from .groups.optimizer import Optimizer, Schedule
from .groups.output import Output
from .groups.prior import ClassImages, Prior
from .groups.samples import Evaluation, Samples
from .groups.snapshots import Snapshots
from .groups.textual_inversion import TextualInversion
from .groups.timesteps import Timesteps
from .groups.train import Train
from .methods import ALL_METHODS, METHODS, RATE_OPTIONS, WORD_RATE, ResultKind, rate_of
from .optimizers import OPTIMIZERS
from .option import option
from .rates import Rates

METHOD_TITLES = {name: facts.title for name, facts in METHODS.items()}


@dataclass(frozen=True)
class Settings:
    """All options of a run; groups have the names of their tables in TOML. A plain value, which `read` checks."""

    method: str = option("lora", "training method", choices=ALL_METHODS, titles=METHOD_TITLES)
    base: Base = field(default_factory=Base)
    output: Output = field(default_factory=Output)
    snapshots: Snapshots = field(default_factory=Snapshots)
    train: Train = field(default_factory=Train)
    loss: Loss = field(default_factory=Loss)
    noise: Noise = field(default_factory=Noise)
    timesteps: Timesteps = field(default_factory=Timesteps)
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule = field(default_factory=Schedule)
    ema: Ema = field(default_factory=Ema)
    prior: Prior = field(default_factory=Prior)
    class_images: ClassImages = field(default_factory=ClassImages)
    data: Data = field(default_factory=Data)
    captions: Captions = field(default_factory=Captions)
    masks: Masks = field(default_factory=Masks)
    lora: Lora = field(default_factory=Lora)
    textual_inversion: TextualInversion = field(default_factory=TextualInversion)
    hypernetwork: Hypernetwork = field(default_factory=Hypernetwork)
    samples: Samples = field(default_factory=Samples)
    evaluation: Evaluation = field(default_factory=Evaluation)
    concepts: tuple[Concept, ...] = ()

    def result_kind(self) -> ResultKind:
        """The kind of result."""
        return METHODS[self.method].result

    def rates(self, part: str) -> Rates:
        """The learning rate of "unet", "embedding", or else a text encoder: the one given, or the default."""
        fact = rate_of(part)
        group, _, option = RATE_OPTIONS[fact].partition(".")
        given: Rates | None = getattr(getattr(self, group), option)
        return given or Rates(self.default_rate(fact, getattr(METHODS[self.method], fact)))

    def default_rate(self, fact: str, method_s: float | None) -> float:
        """What stands for a learning rate that is not given. method_s: AdamW's of the method, None = not trained.

        fact: the name of the rate in `RATE_OPTIONS`.
        """
        optimizer = OPTIMIZERS[self.optimizer.name]
        return 1.0 if method_s and optimizer.multiplies else (method_s or 0.0) * self.rate_share(fact)

    def rate_share(self, fact: str = "") -> float:
        """The share of AdamW's learning rates of the method that suits the optimizer and the layers that it trains."""
        of_layers = self.result_kind() == "lora" and fact != WORD_RATE
        layers = ALGORITHMS[self.lora.algorithm].learning_rate_share if of_layers else 1
        return OPTIMIZERS[self.optimizer.name].learning_rate_share * layers

    def unet_learning_rate(self) -> float:
        """The learning rate of the UNet that training starts with."""
        return self.rates("unet").first

    def text_encoder_learning_rate(self) -> float:
        """The learning rate of the text encoder that training starts with."""
        return self.rates("text_encoder").first

    def lora_alpha(self) -> float:
        """The alpha of LoRA layers, which are scaled by it / rank: that of the settings, or their rank."""
        return self.lora_alpha_of(self.lora.rank)

    def lora_rank_of(self, kind: str) -> int:
        """The rank of the layers of a kind (`families.family.LayerKind`), 0 where there are none.

        Blocks may have another one; with a pattern only some of the layers have one.
        """
        asked = self.lora
        inside = {"attention": ("attention",)}.get(asked.targets, ("attention", "mlp"))
        if kind in ("attention", "mlp"):
            return asked.rank if kind in inside else 0
        if asked.targets in ("all", "pattern"):
            return asked.conv_rank or asked.rank
        return asked.conv_rank if kind == "convolutions" else 0

    def lora_alpha_of(self, rank: int) -> float:
        """The same of layers of another rank: as alpha is given for `lora.rank`, they have a share of it."""
        alpha = float(self.lora.rank if self.lora.alpha is None else self.lora.alpha) * rank / self.lora.rank
        return alpha * math.sqrt(rank) if self.lora.rank_stabilized else alpha

    def new_word(self) -> str:
        """The word in prompts that stands for the embedding."""
        return self.textual_inversion.word or self.output.name

    def learns_word(self) -> bool:
        """Whether new words are trained: an embedding, or words beside a LoRA's layers."""
        return METHODS[self.method].learns_word or self.has_words_beside()

    def has_words_beside(self) -> bool:
        """Whether new words are trained beside other weights (pivotal tuning)."""
        return METHODS[self.method].may_learn_words and self.lora.new_words != "none"

    def has_embeddings_beside(self) -> bool:
        """Whether new words are saved as embeddings beside a result of another kind."""
        return self.has_words_beside() and self.lora.new_words in ("beside", "both")

    def has_templates(self) -> bool:
        """Whether images are trained with prompt templates and not with each concept's instance prompt."""
        return METHODS[self.method].learns_word and self.textual_inversion.template != "instance_prompt"

    def has_prior_bank(self) -> bool:
        """Whether prior predictions are precomputed, because training changes the model that would be asked."""
        return self.prior.is_predicted and METHODS[self.method].changes_weights

    def holds_outside(self) -> bool:
        """Whether what is outside of masks is held to what the untrained model predicts."""
        return self.masks.source != "none" and self.masks.prior_weight > 0

    def has_outside_bank(self) -> bool:
        """The same as `has_prior_bank`, of these predictions."""
        return self.holds_outside() and METHODS[self.method].changes_weights

    def keeps_8_bits(self) -> bool:
        """Whether the UNet's weights are frozen and kept in 8 bits."""
        return self.train.frozen_weights != "as_computed" and not METHODS[self.method].changes_weights

    def prompts_learn(self) -> bool:
        """Whether gradients run through the text encoder: it is trained, or an embedding in its prompts is."""
        return self.train.train_text_encoder or self.learns_word()

    def prompts_are_many(self) -> bool:
        """Whether captions are drawn in so many ways that not all prompts of a run can be encoded ahead."""
        return self.captions.tags_change() or self.captions.wildcards

    def text_encoders_work(self) -> bool:
        """Whether steps need the text encoders, and not only what they made of prompts before training."""
        return self.prompts_learn() or self.prompts_are_many()

    def weight_decay(self) -> float:
        """The weight decay: the one given, or the method's default."""
        asked = self.optimizer.weight_decay
        return METHODS[self.method].weight_decay if asked is None else asked

    def optimizer_options(self) -> dict[str, float]:
        """The numbers of [optimizer] that the optimizer uses: those given, or else its own, or the method's."""
        own = OPTIMIZERS[self.optimizer.name].options
        defaults = {name: self.weight_decay() if value is None else value for name, value in own.items()}
        asked: dict[str, float | None] = {name: getattr(self.optimizer, name) for name in own}
        return {name: defaults[name] if value is None else value for name, value in asked.items()}

    def held_out(self) -> float:
        """The share of each concept's images that is only evaluated on."""
        evaluated = self.evaluation.every.amount and not self.evaluation.folder
        return self.evaluation.held_out if evaluated else 0.0

    def prior_weight(self) -> float:
        """The prior loss weight, 0 = off: the one given, or the method's default."""
        asked = self.prior.weight
        return METHODS[self.method].prior_weight if asked is None else asked
