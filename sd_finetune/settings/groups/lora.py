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
        "others; 0 = none, unless lora.targets chooses such layers: those then have lora.rank",
        minimum=0,
        maximum=1024,
        methods=LORA,
    )
    targets: str = option(
        "attention_mlp",
        "beside which layers of the UNet, and of text encoders that are trained, LoRA layers stand: attention = "
        "projections of attention, as in diffusers' scripts; attention_mlp = attention blocks and text encoders as "
        "a whole, as in kohya's; all = all of the UNet too, outside of attention blocks with lora.conv_rank or "
        "else lora.rank; pattern = those that lora.pattern finds",
        choices=("attention", "attention_mlp", "all", "pattern"),
        titles={
            "attention": "Attention", "attention_mlp": "Attention and MLP", "all": "All layers",
            "pattern": "By pattern",
        },
        methods=LORA,
    )  # fmt: skip
    pattern: str = option(
        "",
        "regular expression that is looked for in layers' names, such as unet.down_blocks.1.attentions.0.proj_in or "
        "text_encoder.text_model.encoder.layers.0.mlp.fc1",
        methods=LORA,
    )
    block_ranks: str = option(
        "",
        "ranks of blocks that have another one, as in down_blocks = 4, up_blocks.1 = 32, text_encoder = 0: beginnings "
        "of layers' names, of which the longest counts; 0 = no layers there (kohya's block_dims)",
        methods=LORA,
    )
    block_rates: str = option(
        "",
        "learning rates of blocks as multiples of that of their part, written in the same way (kohya's down_lr_weight "
        "and its like)",
        methods=LORA,
    )
    max_norm: float = option(
        0.0,
        "after each step, layers whose change of the weight has a larger norm are scaled down to it (kohya's "
        "scale_weight_norms, which takes 1): keeps a LoRA mild beside others; 0 = off",
        minimum=0,
        maximum=1000,
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
    new_words: str = option(
        "none",
        "train new words, as Textual Inversion does, together with the layers (pivotal tuning, arXiv 2106.05744), and "
        "keep them: bundled = in the LoRA's file, whose words AUTOMATIC1111's WebUI knows while it is in the "
        "prompt; beside = as embeddings beside it; both = both; none = train no new word",
        choices=("none", "bundled", "beside", "both"),
        titles={
            "none": "None",
            "bundled": "In the LoRA's file",
            "beside": "As embeddings beside it",
            "both": "Both",
        },
        methods=LORA,
    )
    new_words_share: float = option(
        1.0,
        "share of the steps in which the new words are trained, at the start of the run; then they stay as they are: "
        "0.5 = the first half",
        minimum=0.01,
        maximum=1,
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

    def bundles_words(self) -> bool:
        """Whether the file gets the new words."""
        return self.new_words in ("bundled", "both")

    def form(self, rank: int) -> Form:
        """The size of layers of this rank."""
        return Form(rank, self.factor, self.full_matrix, self.decompose_both)
