"""What is told before a run of files to continue from, and of options about what the base checkpoint does not have."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.errors import UserError
from sd_finetune.families.load_model import load_model
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.formats.embedding import write_embedding
from sd_finetune.formats.fit.faults import faults_on
from sd_finetune.formats.fit.target import Target
from sd_finetune.formats.hypernetwork import HypernetworkFile, write_hypernetwork
from sd_finetune.formats.hypernetwork_layout import HypernetworkShape, layer_shapes
from sd_finetune.formats.known_base import known_base
from sd_finetune.formats.lora import StoredChange, read_lora, write_lora
from sd_finetune.formats.tensor_file import read_tensors, write_tensors
from sd_finetune.low_rank.dora import Decomposed
from sd_finetune.low_rank.table import change_class
from sd_finetune.methods import check_method, target_of
from sd_finetune.networks.hypernetwork import HypernetworkModule
from sd_finetune.settings.algorithms import ALGORITHMS, Form
from sd_finetune.settings.groups.hypernetwork import ACTIVATIONS
from sd_finetune.settings.read import from_dict
from sd_finetune.ui.projects.check import check, report
from tests.screen import Screen

LAYER = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
METHODS = ("lora", "textual_inversion", "hypernetwork", "dreambooth")


@pytest.fixture(scope="module")
def target() -> Target:
    """The toy, as the check knows it."""
    known = known_base(TOY_CHECKPOINT)
    return Target(TOY_CHECKPOINT, known.family, known.architecture, known.memory.layers)


def lora(target: Target, path: Path, algorithm: str = "lora", rank: int = 4, name: str = "", **form: Any) -> str:
    """The path of a LoRA with one layer."""
    (layer,) = [each for each in target.layers if each.path == LAYER]
    generator = torch.Generator().manual_seed(0)
    shape = (layer.size.out, layer.size.into)
    change: StoredChange = change_class(algorithm).new(shape, Form(rank, **form), rank, generator)
    write_lora(path, {name or target.name_of(layer): change}, {}, "fp32")
    return str(path)


def told(screen: Screen, method: str = "lora", **groups: Any) -> dict[str, str]:
    base = {"checkpoint": str(TOY_CHECKPOINT), **groups.pop("base", {})}
    if method == "textual_inversion":
        groups.setdefault("textual_inversion", {"word": "zib-7"})
    return check(screen.settings(method=method, base=base, **groups)).faults


def test_the_check_and_the_worker_hold_it_against_the_same(target: Target) -> None:
    assert target_of(read_checkpoint(TOY_CHECKPOINT)) == target
    assert LAYER in {layer.path for layer in target.layers}


@pytest.mark.parametrize("method", METHODS)
def test_a_file_of_another_kind_is_told_with_the_rest(
    screen: Screen, target: Target, tmp_path: Path, method: str
) -> None:
    write_embedding(tmp_path / "word.safetensors", {"emb_params": torch.ones(1, 64)}, {})
    (tmp_path / "page.safetensors").write_text("<html>not found</html>")
    whole = Path(lora(target, tmp_path / "lora.safetensors")).read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "evil.pt").write_bytes(pickle.dumps(print))
    other = "word.safetensors" if method != "textual_inversion" else "lora.safetensors"
    for name, words in (
        (other, "base.continue_from = "),
        ("page.safetensors", "is a web page"),
        ("cut.safetensors", "is incomplete or damaged"),
        ("evil.pt", ""),
        ("nowhere.pt", "not found"),
    ):
        faults = told(screen, method, base={"continue_from": str(tmp_path / name)}, train={"batch_size": 0})
        assert faults.keys() == {"base.continue_from", "train.batch_size"}, name
        assert words in faults["base.continue_from"], name
    base = {"checkpoint": str(TOY_CHECKPOINT), "continue_from": str(tmp_path / other)}
    shown = report(screen.settings(method=method, base=base), screen.context.projects)
    assert "choose a" in shown["faults"]["base.continue_from"]


@pytest.mark.parametrize(
    ("own", "asked", "words"),
    [
        ({}, {}, ""),
        ({}, {"rank": 2}, "has layers of rank 4, but lora.rank is 2: set lora.rank = 4 or more, or reduce the rank"),
        ({}, {"algorithm": "loha"}, 'is a LoRA, and lora.algorithm is "loha": set lora.algorithm = "lora".'),
        ({}, {"targets": "pattern", "pattern": "attn2"}, "does not train 1 of its layers, such as lora_unet_mid_block"),
        ({}, {"block_ranks": "mid_block=2"}, f'but lora.block_ranks = "mid_block=2" gives unet.{LAYER} 2: give it 4'),
        ({"algorithm": "loha"}, {"algorithm": "loha"}, ""),
        ({"algorithm": "loha"}, {}, 'is a LoHa, and lora.algorithm is "lora"'),
        ({"algorithm": "lokr", "rank": 1}, {"algorithm": "lokr"}, "are trained here: use one that was trained"),
        ({"algorithm": "lokr", "rank": 1, "factor": 4}, {"algorithm": "lokr", "rank": 1, "factor": 4}, ""),
        ({"algorithm": "lokr", "rank": 1, "factor": 4}, {"algorithm": "lokr", "rank": 1, "factor": 2}, "lora.factor"),
        ({"name": "lora_te_text_model_encoder_layers_0_mlp_fc1"}, {}, "set train.train_text_encoder = true"),
        ({"name": "lora_te_text_model_encoder_layers_0_mlp_fc1", "text": True}, {}, "is trained here"),
    ],
)
def test_loras_that_can_and_cannot_be_continued(
    screen: Screen, target: Target, tmp_path: Path, own: dict[str, Any], asked: dict[str, Any], words: str
) -> None:
    train = {"length": "20 steps", "train_text_encoder": own.get("text", False)}
    path = lora(target, tmp_path / "lora.safetensors", **{name: own[name] for name in own if name != "text"})
    faults = told(screen, base={"continue_from": path}, lora=asked, train=train)
    if words:
        assert faults.keys() == {"base.continue_from"}
        assert words in faults["base.continue_from"]
    else:
        assert faults == {}


def test_alphas_that_are_not_read(screen: Screen, target: Target, tmp_path: Path) -> None:
    path = tmp_path / "lora.safetensors"
    lora(target, path)
    tensors = dict(read_tensors(path).tensors)
    (alpha,) = [name for name in tensors if name.endswith(".alpha")]
    write_tensors(path, {**tensors, alpha: torch.ones(2)}, {})
    with pytest.raises(UserError, match="has 2 values as lora_unet_mid_block") as raised:
        read_lora(path)
    assert told(screen, base={"continue_from": str(path)}) == {"base.continue_from": str(raised.value)}

    start = f"base_model.model.unet.{LAYER}"
    down, up = (own for name, own in tensors.items() if name != alpha)
    write_tensors(path, {f"{start}.lora_A.weight": down, f"{start}.lora_B.weight": up}, {})
    assert told(screen, base={"continue_from": str(path)}) == {}
    (tmp_path / "adapter_config.json").write_text('{"alpha_pattern": {"(a+)+b": 3}}')
    with pytest.raises(UserError, match="an alpha of its own for layers by the pattern") as raised:
        read_lora(path)
    assert told(screen, base={"continue_from": str(path)}) == {"base.continue_from": str(raised.value)}


def test_doras(screen: Screen, target: Target, tmp_path: Path) -> None:
    (layer,) = [each for each in target.layers if each.path == LAYER]
    change = change_class("lora").new((layer.size.out, layer.size.into), Form(4), 4.0, torch.Generator())
    path = tmp_path / "dora.safetensors"
    for shape, dora, words in (
        ((1, layer.size.into), True, ""),
        ((1, layer.size.into), False, "lora.dora is false: set lora.dora = true"),
        ((layer.size.out, 1), True, "with a size for each output"),
    ):
        write_lora(path, {target.name_of(layer): Decomposed(change, torch.ones(*shape))}, {})
        faults = told(screen, base={"continue_from": str(path)}, lora={"dora": dora})
        assert words in faults["base.continue_from"] if words else faults == {}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("form", [Form(3), Form(2, factor=4, decompose_both=True), Form(2, full_matrix=True)])
def test_the_table_has_the_sizes_of_what_is_trained(target: Target, algorithm: str, form: Form) -> None:
    """Which the count of parameters and what is refused go by."""
    facts = ALGORITHMS[algorithm]
    for layer in target.layers:
        kernel = () if layer.size.area == 1 else (3, 3)
        made = change_class(algorithm).new((layer.size.out, layer.size.into, *kernel), form, 1.0, torch.Generator())
        sizes = {ending: (len(each), each[0].numel()) for ending, each in made.file_tensors().items()}
        assert sizes == facts.matrices(layer.size, form)
        assert facts.rank_of(sizes) == made.rank
        assert facts.misfit(sizes, layer.size, form) == ""


def test_blocks_and_widths_that_the_model_lacks(screen: Screen) -> None:
    faults = told(screen, lora={"block_ranks": "attic=4", "block_rates": "cellar=2"})
    assert faults.keys() == {"lora.block_ranks", "lora.block_rates"}
    assert faults["lora.block_rates"].startswith("lora.block_rates names cellar, which no layer of this checkpoint")
    faults = told(screen, lora={"targets": "pattern", "pattern": "nothing is called so"})
    assert faults.keys() == {"lora.pattern"}
    faults = told(screen, "hypernetwork", hypernetwork={"sizes": "99"})
    assert 'hypernetwork.sizes = "99" has the width 99, but the contexts of' in faults["hypernetwork.sizes"]


def test_embeddings_that_can_and_cannot_be_continued(screen: Screen, target: Target, tmp_path: Path) -> None:
    width = target.architecture.sizes["text_encoder"].hidden_size  # type: ignore[attr-defined]
    file = tmp_path / "word.safetensors"
    base = {"continue_from": str(file)}
    for vectors, words in (
        ({"emb_params": torch.ones(1, width)}, ""),
        ({"emb_params": torch.ones(2, width)}, "has 2 vectors, but textual_inversion.vectors is 1: set textual_inv"),
        ({"emb_params": torch.ones(1, width + 1)}, f"but this checkpoint needs width {width}: use an embedding"),
        ({"clip_l": torch.ones(1, 9), "clip_g": torch.ones(1, 9)}, "is a textual inversion embedding for"),
    ):
        write_embedding(file, vectors, {})
        faults = told(screen, "textual_inversion", base=base, textual_inversion={"word": "zib-7", "vectors": 1})
        assert words in faults["base.continue_from"] if words else faults == {}


def test_a_concept_s_word_is_told_beside_its_own_field(screen: Screen, target: Target, tmp_path: Path) -> None:
    settings = screen.settings(method="textual_inversion")
    settings["concepts"][0] |= {"word": "zab-2", "continue_from": lora(target, tmp_path / "lora.safetensors")}
    (fault,) = check(settings).faults.items()
    assert fault[0] == "concepts.1.continue_from"
    assert "is a LoRA" in fault[1]


def test_hypernetworks_that_can_and_cannot_be_continued(screen: Screen, target: Target, tmp_path: Path) -> None:
    file = tmp_path / "net.pt"
    known = target.context_widths()

    def write(width: int, shape: HypernetworkShape, of: HypernetworkShape) -> None:
        widths = {*known, width}
        mlps = {own: {name: torch.ones(size) for name, size in layer_shapes(of, own).items()} for own in widths}
        write_hypernetwork(file, HypernetworkFile(shape, {own: (mlp, mlp) for own, mlp in mlps.items()}))

    plain, normed = HypernetworkShape(), HypernetworkShape(layer_norm=True)
    for width, shape, of, words in (
        (known[0], plain, plain, ""),
        (9, plain, plain, "has layers for width 9, but the contexts of this checkpoint have"),
        (known[0], replace(plain, activation="relu"), replace(plain, activation="relu"), 'activation = "relu".'),
        (known[0], replace(plain, activation="glu"), plain, "has the activation glu, which is not supported"),
        (known[0], plain, normed, f"width {known[0]} that contradict its layer structure (linear.1.bias differs): use"),
    ):
        write(width, shape, of)
        faults = told(screen, "hypernetwork", base={"continue_from": str(file)})
        assert words in faults["base.continue_from"] if words else faults == {}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("activate_output", [False, True])
@pytest.mark.parametrize(
    "own",
    [
        {},
        {"layer_norm": True},
        {"layer_structure": (1, 1.5, 3, 1), "dropout_structure": (0, 0.1, 0, 0.1), "layer_norm": True},
    ],
)
def test_the_layers_of_a_hypernetwork_are_known_without_it(
    activation: str, activate_output: bool, own: dict[str, Any]
) -> None:
    shape = HypernetworkShape(activation=activation, activate_output=activate_output, **own)
    made = HypernetworkModule(8, shape).state_dict()
    assert layer_shapes(shape, 8) == {name: tuple(tensor.shape) for name, tensor in made.items()}


def test_of_an_option_with_a_fault_nothing_more_is_told(screen: Screen, target: Target, tmp_path: Path) -> None:
    """Its default stands for it, which nobody has set."""
    path = lora(target, tmp_path / "lora.safetensors", rank=64)
    assert told(screen, base={"continue_from": path}, lora={"rank": "many"}).keys() == {"lora.rank"}
    assert told(screen, base={"continue_from": path}, lora={"alpha": "many"}).keys() == {
        "lora.alpha", "base.continue_from",
    }  # fmt: skip


def test_the_worker_refuses_with_all_sentences(target: Target, screen: Screen, tmp_path: Path) -> None:
    path = lora(target, tmp_path / "lora.safetensors", rank=64)
    settings = from_dict(
        screen.settings(
            base={"checkpoint": str(TOY_CHECKPOINT), "continue_from": path}, lora={"block_rates": "cellar=2"}
        )
    )
    assert faults_on(target, settings).keys() == {"base.continue_from", "lora.block_rates"}
    base = read_checkpoint(TOY_CHECKPOINT)
    with pytest.raises(UserError) as raised:
        check_method(load_model(base), settings, base)
    assert str(raised.value).split("\n") == list(faults_on(target, settings).values())
