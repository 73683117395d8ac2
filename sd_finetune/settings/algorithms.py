"""The low-rank algorithms there are: what implements each, what its files have, and how many values it trains."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isqrt

DORA_ENDING = "dora_scale"
"""Of the tensor that comes to those of any algorithm with weight decomposition (DoRA)."""


@dataclass(frozen=True)
class Form:
    """The size that is asked for of one adapter layer, by the options of the group [lora]."""

    rank: int
    factor: int = 0
    full_matrix: bool = False
    decompose_both: bool = False


@dataclass(frozen=True)
class LayerSize:
    """Of a layer of the model: outputs, inputs, and places of the convolution's kernel (1 for a linear layer)."""

    out: int
    into: int
    area: int = 1


Matrix = tuple[int, int]
"""Rows and columns, which the places of a convolution's kernel are among."""


@dataclass(frozen=True)
class AlgorithmFacts:
    """One algorithm. `implementation` is its class in `low_rank/NAME.py`, which the tab does not import."""

    implementation: str
    title: str
    """Its name in the tab and in `info`."""
    summary: str
    """What sets it apart, for the help of `lora.algorithm`."""
    endings: tuple[str, ...]
    """What follows a layer's name in a file, of each tensor that there may be."""
    matrices: Callable[[LayerSize, Form], dict[str, Matrix]]
    """Those that it trains beside a layer, by what follows the layer's name in a file."""
    options: tuple[str, ...] = ()
    """The options of the group [lora] that only some algorithms use, and this one does."""
    shape_options: tuple[str, ...] = ()
    """Those of them that decide which tensors there are. LyCORIS knows them by the same names, and has -1 for 0."""
    ranked: tuple[str, ...] = ()
    """Those of the endings whose tensors have as many rows as the rank, which `info` tells."""
    lycoris_name: str = ""
    """What LyCORIS calls it, where that is not the name of the row."""
    kohya_module: str = ""
    """The network module of kohya's scripts that trains it, where they do without LyCORIS."""
    learning_rate_share: float = 1
    """Of LoRA's learning rates, that suits it; measured in docs/quality.md."""

    def count(self, layer: LayerSize, form: Form) -> int:
        """How many values it trains beside a layer."""
        return sum(rows * columns for rows, columns in self.matrices(layer, form).values())

    def rank_of(self, matrices: Mapping[str, Matrix]) -> int:
        """The rank of a layer in a file, 0 where nothing has one."""
        return next((matrices[ending][0] for ending in self.ranked if ending in matrices), 0)

    def misfit(self, matrices: Mapping[str, Matrix], layer: LayerSize, form: Form) -> str:
        """Why training in this form cannot begin with a file's layer of the same or a lower rank, "" if it can.

        As the rest of a sentence about the file's layer. matrices: as there.
        """
        trained, rank = self.matrices(layer, form), self.rank_of(matrices)
        if matrices.keys() != trained.keys():
            has, needs = (sorted(names, key=self.endings.index) for names in (matrices, trained))
            return f"has {', '.join(has)}, and {', '.join(needs)} are trained here"
        for ending, size in self.matrices(layer, replace(form, rank=rank) if rank else form).items():
            if matrices[ending] != size:
                return f"has {ending} of size {matrices[ending]}, and {size} is trained here"
        return ""


def _lora_matrices(layer: LayerSize, form: Form) -> dict[str, Matrix]:
    return _low_rank("lora_up.weight", "lora_down.weight", (layer.out, layer.into * layer.area), form.rank)


def _loha_matrices(layer: LayerSize, form: Form) -> dict[str, Matrix]:
    size = layer.out, layer.into * layer.area
    return {
        **_low_rank("hada_w1_a", "hada_w1_b", size, form.rank),
        **_low_rank("hada_w2_a", "hada_w2_b", size, form.rank),
    }


def _lokr_matrices(layer: LayerSize, form: Form) -> dict[str, Matrix]:
    sizes = kronecker_sizes(layer.out, layer.into, form)
    second = sizes.second[0], sizes.second[1] * layer.area
    return {
        **_whole_or_not("lokr_w1", sizes.first, form.rank if sizes.first_is_low_rank else 0),
        **_whole_or_not("lokr_w2", second, form.rank if sizes.second_is_low_rank else 0),
    }


def _low_rank(a: str, b: str, size: Matrix, rank: int) -> dict[str, Matrix]:
    """Two matrices whose product is one of this size."""
    return {a: (size[0], rank), b: (rank, size[1])}


def _whole_or_not(name: str, size: Matrix, rank: int) -> dict[str, Matrix]:
    """A matrix, or with a rank two."""
    return _low_rank(f"{name}_a", f"{name}_b", size, rank) if rank else {name: size}


@dataclass(frozen=True)
class KroneckerSizes:
    """Rows and columns of the two factors of a Kronecker product, and whether each is a product of low rank."""

    first: tuple[int, int]
    second: tuple[int, int]
    """Without the places of a kernel, which come to its columns."""
    first_is_low_rank: bool
    second_is_low_rank: bool


def kronecker_sizes(out: int, into: int, form: Form) -> KroneckerSizes:
    """Those of a layer with so many outputs and inputs; where the rank would save nothing, a factor is whole."""
    (rows, blocks_out), (columns, blocks_in) = two_factors(out, form.factor), two_factors(into, form.factor)
    low_rank = not form.full_matrix
    return KroneckerSizes(
        (rows, columns),
        (blocks_out, blocks_in),
        first_is_low_rank=low_rank and form.decompose_both and 2 * form.rank < max(rows, columns),
        second_is_low_rank=low_rank and 2 * form.rank < max(blocks_out, blocks_in),
    )


def two_factors(size: int, wanted: int) -> tuple[int, int]:
    """Two whole numbers whose product is `size`, the smaller one first.

    It is `wanted` where that divides `size`, else the largest that does and is not above it; 0: as near to the square
    root as there is.
    """
    if wanted and size % wanted == 0:
        smaller, larger = sorted((wanted, size // wanted))
        return smaller, larger
    most = min(wanted or size, isqrt(size))
    smaller = next(number for number in range(max(most, 1), 0, -1) if size % number == 0)
    return smaller, size // smaller


_OF_LOKR = ("factor", "full_matrix", "decompose_both")
ALGORITHMS = {
    "lora": AlgorithmFacts(
        "LoraModule", "LoRA", "a product of two thin matrices, which every program reads",
        ("lora_down.weight", "lora_up.weight", "lora_mid.weight"), _lora_matrices,
        options=("plus_ratio", "dropout", "rank_dropout"),
        ranked=("lora_down.weight",), lycoris_name="locon", kohya_module="networks.lora",
    ),
    "loha": AlgorithmFacts(
        "LohaModule", "LoHa",
        "two such products multiplied value by value, of up to the square of the rank with twice the values (arXiv "
        "2108.06098)",
        ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2"), _loha_matrices,
        ranked=("hada_w1_b",),
    ),
    "lokr": AlgorithmFacts(
        "LokrModule", "LoKr",
        "the Kronecker product of a small matrix and a larger one, of full rank in small files (arXiv 2309.14859)",
        ("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2"), _lokr_matrices,
        options=_OF_LOKR, shape_options=_OF_LOKR, ranked=("lokr_w2_b", "lokr_w1_b"),
        learning_rate_share=3,
    ),
}  # fmt: skip

ALPHA_ENDING = "alpha"
KNOWN_ENDINGS = {ALPHA_ENDING, DORA_ENDING, *(ending for facts in ALGORITHMS.values() for ending in facts.endings)}
"""Of all tensors that a layer can have here."""


def algorithm_with(endings: Collection[str]) -> str | None:
    """The algorithm that a layer with such tensors in a file is of; None where they are of none here, or of several."""
    for name, facts in ALGORITHMS.items():
        if set(endings) <= {*facts.endings, DORA_ENDING} and set(endings) & set(facts.endings):
            return name
    return None


def has_size_for_each_input(shape: Sequence[int]) -> bool:
    """Whether DoRA's sizes, as they are in a file, are of a weight's inputs and not of its outputs."""
    return shape[0] == 1


TITLES = {name: facts.title for name, facts in ALGORITHMS.items()}


def algorithm_help() -> str:
    """What each choice is, for the help of `lora.algorithm`."""
    return "; ".join(
        ["how layers change the model's", *(f"{name} = {facts.summary}" for name, facts in ALGORITHMS.items())]
    )


def algorithms_with(option: str) -> tuple[str, ...]:
    """The algorithms that use an option of the group [lora]."""
    if not any(option in facts.options for facts in ALGORITHMS.values()):
        return tuple(ALGORITHMS)
    return tuple(name for name, facts in ALGORITHMS.items() if option in facts.options)
