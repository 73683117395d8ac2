"""The group [lora]."""

from __future__ import annotations

from dataclasses import dataclass

from ..algorithms import TITLES, Form, algorithm_help
from ..option import option

LORA = ("lora",)


@dataclass(frozen=True)
class Lora:
    """Kind, size and scale of the LoRA layers."""

    algorithm: str = option("lora", algorithm_help(), choices=tuple(TITLES), titles=TITLES, methods=LORA)
    rank: int = option(16, "rank of the LoRA layers (kohya's network dim)", minimum=1, maximum=1024, methods=LORA)
    alpha: float | None = option(
        None,
        "LoRA alpha (kohya's network alpha): the layers are scaled by alpha / rank; auto = same as rank",
        minimum=0,
        methods=LORA,
        zero_is_auto=True,
    )
    conv_rank: int = option(
        0,
        "rank of layers beside the UNet's residual blocks and samplers too (LoCon; kohya's conv_dim), scaled as the "
        "others; 0 = none: LoRA layers stand beside the attention blocks alone",
        minimum=0,
        maximum=1024,
        methods=LORA,
    )
    dora: bool = option(
        False,
        "train how large the weights of each input are apart from their direction (DoRA, arXiv 2402.09353), with any "
        "algorithm; each step takes longer. It is kept as AUTOMATIC1111's WebUI reads it",
        methods=LORA,
    )
    factor: int = option(
        0,
        "for lokr, into how many blocks inputs and outputs are cut (LyCORIS's factor), if their numbers can be divided "
        "by it: more of them make a smaller file; 0 = about as many as each block has inputs or outputs",
        minimum=0,
        maximum=1024,
        methods=LORA,
    )
    full_matrix: bool = option(
        False, "for lokr, the larger matrix is whole, whatever the rank, and nothing is scaled", methods=LORA
    )
    decompose_both: bool = option(
        False, "for lokr, the small matrix is of low rank too, where that is smaller", methods=LORA
    )
    rank_stabilized: bool = option(
        False,
        "scale the layers by alpha / sqrt(rank) instead, so that higher ranks learn as fast as low ones (rsLoRA, arXiv "
        "2312.03732); the file has an alpha that amounts to it in every program",
        methods=LORA,
    )
    plus_ratio: float = option(
        1.0,
        "learning rate of the second matrix of each layer, lora_up, as a multiple of that of the first (LoRA+, arXiv "
        "2402.12354, which takes 16)",
        minimum=1,
        maximum=64,
        methods=LORA,
    )
    dropout: float = option(
        0.0,
        "probability that a value between the two matrices is 0 in a step (kohya's network dropout)",
        minimum=0,
        maximum=0.9,
        methods=LORA,
    )
    rank_dropout: float = option(
        0.0,
        "probability that a rank of a layer is left out for an image in a step (kohya's rank dropout)",
        minimum=0,
        maximum=0.9,
        methods=LORA,
    )
    module_dropout: float = option(
        0.0,
        "probability that a whole layer is left out in a step (kohya's module dropout)",
        minimum=0,
        maximum=0.9,
        methods=LORA,
    )

    def form(self, rank: int) -> Form:
        """The size of layers of this rank."""
        return Form(rank, self.factor, self.full_matrix, self.decompose_both)
