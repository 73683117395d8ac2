"""Every option of a run, once: its default, unit, range and help. TOML tables have the names of the groups."""

from __future__ import annotations

from dataclasses import dataclass, field

from .duration import Duration
from .methods import METHODS, Artefact
from .optimizers import OPTIMIZERS, default_learning_rate, optimizer_help
from .option import option

SAMPLERS = ("ddim", "euler", "euler_a", "dpmpp_2m")
PLACES = 75
"""Tokens that a prompt has room for."""
NAME = "[name]"
"""In a sentence that textual inversion teaches, stands for the new word."""
ACTIVATIONS = (
    "linear", "relu", "leakyrelu", "elu", "swish", "tanh", "sigmoid", "celu", "gelu", "hardshrink", "hardsigmoid",
    "hardtanh", "logsigmoid", "mish", "prelu", "relu6", "rrelu", "selu", "silu", "softplus", "softshrink", "softsign",
    "tanhshrink",
)  # fmt: skip
INITIALIZATIONS = ("Normal", "KaimingUniform", "KaimingNormal", "XavierUniform", "XavierNormal")
"""Names of the WebUI's, as are those of the activations."""


def _per_method(fact: str, written: str) -> str:
    """What `written` stands for, by method; `fact` is a field of MethodFacts."""
    values = {method: getattr(facts, fact) for method, facts in METHODS.items()}
    own = ", ".join(f"{method} {value:g}" for method, value in values.items() if value is not None)
    return f"{written} = the method's own: {own}"


@dataclass(frozen=True)
class Base:
    """The model that is taught."""

    checkpoint: str = option("", "SD 1.x checkpoint to start from, .safetensors or .ckpt", is_path=True)
    config: str = option("", "model description (.yaml); empty = the one beside the checkpoint, if any", is_path=True)
    continue_from: str = option(
        "",
        "result of an earlier run to go on from: a LoRA, embedding or hypernetwork, for dreambooth a checkpoint (class "
        "pictures are still the base's); empty = start anew",
        is_path=True,
    )


@dataclass(frozen=True)
class Output:
    """The files a run makes."""

    name: str = option("sd-finetune", "file name of the result, without folder and ending")
    folder: str = option("", "where the result goes; empty = the run's own output folder", is_path=True)
    precision: str = option("fp16", "number format of the saved weights", choices=("fp16", "bf16", "fp32"))
    save_every: Duration = option(Duration(0), "also save the result this often; 0 = only at the end", minimum=0)
    notes: str = option("", "a remark of your own, kept in the file's metadata")


@dataclass(frozen=True)
class Train:
    """The training loop."""

    length: Duration = option(Duration(100, "epochs"), "how long to train", minimum=1)
    batch_size: int = option(1, "instance pictures in one forward pass", "pictures", minimum=1)
    gradient_accumulation_steps: int = option(
        1, "forward passes whose gradients are averaged into one step", "passes", minimum=1
    )
    unet_learning_rate: float = option(
        0.0, f"learning rate of the UNet; {_per_method('unet_learning_rate', '0')}", minimum=0, maximum=1
    )
    train_text_encoder: bool = option(False, "train the text encoder too")
    text_encoder_learning_rate: float = option(
        0.0,
        f"learning rate of the text encoder; {_per_method('text_encoder_learning_rate', '0')}",
        minimum=0,
        maximum=1,
    )
    seed: int = option(0, "where all random numbers of the run start", minimum=0, maximum=2**32 - 1)
    mixed_precision: str = option(
        "no", "number format of the forward pass; no = fp32 throughout", choices=("no", "fp16", "bf16")
    )
    gradient_checkpointing: bool = option(False, "use less memory and more time: compute activations twice")
    max_grad_norm: float = option(1.0, "longest gradient a step may take, longer ones are scaled; 0 = off", minimum=0)
    device: str = option("auto", "where to train; auto = a GPU if there is one", choices=("auto", "cpu", "cuda"))
    snr_gamma: float = option(0.0, "min-SNR weighting of the loss, usually 5; 0 = off", minimum=0)
    noise_offset: float = option(
        0.0, "noise added to a whole channel, for darker and brighter pictures; 0 = off", minimum=0, maximum=1
    )


@dataclass(frozen=True)
class Optimizer:
    """How weights follow their gradients."""

    name: str = option("adamw", optimizer_help(), choices=tuple(OPTIMIZERS))
    beta1: float = option(0.9, "memory of the gradient's mean", minimum=0, maximum=0.99999)
    beta2: float = option(0.999, "memory of the gradient's square", minimum=0, maximum=0.99999)
    eps: float = option(1e-8, "smallest divisor of a step", minimum=1e-12, maximum=1)
    weight_decay: float | None = option(
        None,
        f"share of learning rate times weight taken off at each step; {_per_method('weight_decay', 'auto')}",
        minimum=0,
    )


@dataclass(frozen=True)
class Schedule:
    """How learning rates change during a run."""

    name: str = option("constant", "course of the rates after the warm-up", choices=("constant", "cosine"))
    warmup: Duration = option(Duration(0), "time over which the rates rise from 0", minimum=0)


@dataclass(frozen=True)
class Prior:
    """Class-prior preservation (DreamBooth, arXiv 2208.12242): what the model knew of the class is kept."""

    weight: float | None = option(
        None,
        "weight of the class pictures' loss; 0 = off, else every concept needs a class_prompt; "
        + _per_method("prior_weight", "auto"),
        minimum=0,
    )
    source: str = option(
        "images",
        "what class examples are held to: images = class pictures, missing ones are drawn; model = what the untrained "
        "model predicts under the class prompt, for noisy latents of the class_folder's pictures or else of the "
        "instance pictures, so that none need be drawn",
        choices=("images", "model"),
    )
    bank_size: int = option(
        1000,
        "with source = model, dreambooth asks the untrained model about this many noisy latents before training, then "
        "uses its answers in turn; in the run folder they take 64 KiB each at 512 pixels until the run is finished",
        "predictions",
        minimum=1,
    )


@dataclass(frozen=True)
class ClassImages:
    """How missing class pictures are drawn by the untrained model."""

    negative_prompt: str = option("", "what not to draw")
    steps: int = option(25, "denoising steps of a picture", "steps", minimum=1, maximum=1000)
    guidance_scale: float = option(7.5, "how closely the prompt is followed (CFG)", minimum=1, maximum=30)
    seed: int = option(0, "seed of the first picture", minimum=0, maximum=2**32 - 1)
    sampler: str = option("ddim", "the sampler", choices=SAMPLERS)
    batch_size: int = option(4, "pictures drawn at a time", "pictures", minimum=1)
    cache_folder: str = option(
        "", "where class pictures are kept for later runs; empty = class-images beside the run folders", is_path=True
    )


@dataclass(frozen=True)
class Data:
    """How pictures are prepared."""

    resolution: int = option(512, "side of the training pictures", "pixels", minimum=64, maximum=2048, multiple_of=8)
    horizontal_flip: bool = option(False, "show pictures mirrored half of the time")
    cache_latents: bool = option(True, "encode every picture once, before training")


@dataclass(frozen=True)
class Lora:
    """Size of the low-rank layers; used by method lora."""

    rank: int = option(16, "rank of the added layers", minimum=1, maximum=1024)
    alpha: float = option(0.0, "the added layers count alpha / rank times; 0 = same as rank", minimum=0)


@dataclass(frozen=True)
class Hypernetwork:
    """Layers before keys and values, as in the WebUI's Create hypernetwork tab; used by method hypernetwork."""

    sizes: str = option(
        "", 'widths of the contexts that get layers, like "768, 320" (768 is the text); empty = all the checkpoint has'
    )
    layer_structure: str = option(
        "1, 2, 1", "widths of the layers, as multiples of the context's; the first and the last are 1"
    )
    activation: str = option(
        "linear",
        "what follows each layer but the last; linear = nothing. The rest of the WebUI's list cannot work: glu changes "
        "the width, softmax, softmin, logsoftmax and softmax2d mix the pictures of a batch, threshold lacks a number",
        choices=ACTIVATIONS,
    )
    activate_output: bool = option(False, "the activation follows the last layer too")
    initialization: str = option(
        "Normal", "how weights start; Normal = near zero, the least harm to the model", choices=INITIALIZATIONS
    )
    layer_norm: bool = option(False, "normalize what each layer puts out")
    dropout_structure: str = option(
        "", 'share dropped out at each width while training, like "0, 0.3, 0" for "1, 2, 1"; empty = none'
    )


@dataclass(frozen=True)
class TextualInversion:
    """The new word and the sentences it is taught in; used by method textual_inversion."""

    word: str = option(
        "", "the new word as it stands in prompts; empty = output.name, which is what the WebUI calls it in any case"
    )
    vectors: int = option(
        1, f"vectors of the word; it fills as many of a prompt's {PLACES} places", minimum=1, maximum=PLACES
    )
    initial_text: str = option("*", "text whose token embeddings the vectors start as; empty = zeros")
    learning_rate: float = option(
        5e-3, "learning rate of the vectors; those of [train] are not used", minimum=0, maximum=1
    )
    template: str = option(
        "subject",
        "what pictures are shown under: sentences of ours, your own, or each concept's instance_prompt; in all of them "
        "[name] = the word and [filewords] = the picture's caption",
        choices=("subject", "style", "subject_filewords", "style_filewords", "own", "instance_prompt"),
    )
    sentences: tuple[str, ...] = option((), 'the sentences of template "own", one by chance each time')
    form: str = option("safetensors", "the file's form; pt = the WebUI's older one", choices=("safetensors", "pt"))


@dataclass(frozen=True)
class Samples:
    """Pictures drawn during training, to see it happen."""

    prompts: tuple[str, ...] = option((), "prompts to draw; none = draw nothing")
    negative_prompt: str = option("", "what not to draw")
    every: Duration = option(Duration(10, "epochs"), "how often to draw them; 0 = only at the end", minimum=0)
    at_start: bool = option(True, "draw them before the first step too")
    steps: int = option(25, "denoising steps of a picture", "steps", minimum=1, maximum=1000)
    guidance_scale: float = option(7.5, "how closely the prompt is followed (CFG)", minimum=1, maximum=30)
    seed: int = option(0, "seed of the first prompt's picture", minimum=0, maximum=2**32 - 1)
    sampler: str = option("ddim", "the sampler", choices=SAMPLERS)
    width: int = option(0, "0 = data.resolution", "pixels", minimum=0, maximum=2048, multiple_of=8)
    height: int = option(0, "0 = data.resolution", "pixels", minimum=0, maximum=2048, multiple_of=8)


@dataclass(frozen=True)
class Evaluation:
    """The loss on fixed pictures, noise and timesteps, which shows convergence (arXiv 2302.04841)."""

    every: Duration = option(Duration(10, "epochs"), "how often to compute it; 0 = off", minimum=0)
    pictures: int = option(4, "pictures it is computed on", "pictures", minimum=1)
    draws: int = option(4, "timesteps for each picture", "timesteps", minimum=1)


@dataclass(frozen=True)
class Concept:
    """One thing to teach: a folder of pictures and how they are called."""

    folder: str = option("", "folder of the instance pictures", is_path=True)
    instance_prompt: str = option("[filewords]", "what the pictures show; [filewords] = the picture's own caption")
    class_prompt: str = option("", 'what the subject is one of, as in "a photo of a dog"')
    class_folder: str = option("", "your own class pictures, used before any are drawn", is_path=True)
    class_images: int = option(0, "class pictures wanted; 0 = ten for each instance picture", "pictures", minimum=0)
    repeats: int = option(1, "times each instance picture is shown in an epoch", minimum=1)


@dataclass(frozen=True)
class Settings:
    """All that a run is asked to do. A plain value: `read.from_dict` is what checks it."""

    method: str = option("lora", "what is trained", choices=tuple(METHODS))
    base: Base = field(default_factory=Base)
    output: Output = field(default_factory=Output)
    train: Train = field(default_factory=Train)
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule = field(default_factory=Schedule)
    prior: Prior = field(default_factory=Prior)
    class_images: ClassImages = field(default_factory=ClassImages)
    data: Data = field(default_factory=Data)
    lora: Lora = field(default_factory=Lora)
    textual_inversion: TextualInversion = field(default_factory=TextualInversion)
    hypernetwork: Hypernetwork = field(default_factory=Hypernetwork)
    samples: Samples = field(default_factory=Samples)
    evaluation: Evaluation = field(default_factory=Evaluation)
    concepts: tuple[Concept, ...] = ()

    def artefact(self) -> Artefact:
        """What the method makes."""
        return METHODS[self.method].artefact

    def unet_learning_rate(self) -> float:
        """The rate to train the UNet with: the one asked for, or the method's own."""
        method_s = METHODS[self.method].unet_learning_rate
        return self.train.unet_learning_rate or default_learning_rate(self.optimizer.name, method_s)

    def text_encoder_learning_rate(self) -> float:
        """The rate to train the text encoder with: the one asked for, or the method's own."""
        method_s = METHODS[self.method].text_encoder_learning_rate
        return self.train.text_encoder_learning_rate or default_learning_rate(self.optimizer.name, method_s)

    def new_word(self) -> str:
        """The word that textual inversion teaches."""
        return self.textual_inversion.word or self.output.name

    def learns_word(self) -> bool:
        """Whether what is trained stands in prompts, as a word that the group textual_inversion is about."""
        return METHODS[self.method].learns_word

    def has_sentences(self) -> bool:
        """Whether pictures are shown under sentences about the new word, not under each concept's instance prompt."""
        return self.learns_word() and self.textual_inversion.template != "instance_prompt"

    def has_prior_bank(self) -> bool:
        """Whether the untrained model's predictions are made before training, since the method changes its weights."""
        return self.prior.source == "model" and METHODS[self.method].changes_weights

    def prompts_learn(self) -> bool:
        """Whether gradients run through the text encoder: because it is trained, or a word in its prompts is."""
        return self.train.train_text_encoder or self.learns_word()

    def weight_decay(self) -> float:
        """The decay of what is trained: the one asked for, or the method's own."""
        asked = self.optimizer.weight_decay
        return METHODS[self.method].weight_decay if asked is None else asked

    def prior_weight(self) -> float:
        """The weight of the class pictures' loss, 0 = off: the one asked for, or the method's own."""
        asked = self.prior.weight
        return METHODS[self.method].prior_weight if asked is None else asked
