"""Files that somebody made to harm: only a user's error ever comes out of a reader, soon, and nothing is executed."""

from __future__ import annotations

import ast
import io
import json
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sd_finetune.data.importing.concepts_list import import_concepts
from sd_finetune.data.importing.import_any import read_concepts_list
from sd_finetune.data.importing.kohya_dataset import import_kohya_dataset
from sd_finetune.data.metadata_json import read_metadata_json
from sd_finetune.data.metadata_lines import read_metadata_lines
from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.errors import UserError
from sd_finetune.families.sd1.family import FAMILY
from sd_finetune.families.sd1.ldm_config import dump
from sd_finetune.formats.base_file import base_layout, base_tensors
from sd_finetune.formats.bundled_words import read_bundled
from sd_finetune.formats.checkpoint import new_checkpoint, read_checkpoint
from sd_finetune.formats.classify import family_of_checkpoint, layout_of, refuse_unless
from sd_finetune.formats.diffusers_folder import folder_layout
from sd_finetune.formats.embedding import read_embedding, write_embedding
from sd_finetune.formats.fit.hypernetwork import refuse_other_hypernetwork
from sd_finetune.formats.fit.lora import refuse_other_lora
from sd_finetune.formats.fit.target import Target
from sd_finetune.formats.fit.words import bundled_shapes, embedding_shapes
from sd_finetune.formats.hashes import file_hashes, legacy_hash
from sd_finetune.formats.hypernetwork import HypernetworkFile, HypernetworkShape, read_hypernetwork, write_hypernetwork
from sd_finetune.formats.identify import identify
from sd_finetune.formats.image_embedding import embedding_in, read_image
from sd_finetune.formats.known_base import known_base
from sd_finetune.formats.lora import LoraModule, read_lora, write_lora
from sd_finetune.formats.tensor_file import read_tensors
from sd_finetune.formats.usable_base import refuse_unusable_base
from sd_finetune.presets.preset import parse_preset, read_preset
from sd_finetune.reading.diffusers_folder import folder_files, part_of, pipeline_class, scheduler_of
from sd_finetune.reading.door import READERS, read_text
from sd_finetune.reading.read_layout import read_layout
from sd_finetune.runs.fingerprint import fingerprint
from sd_finetune.settings.options import Settings
from sd_finetune.settings.read import read_toml
from sd_finetune.settings.toml import load_toml
from tests.diffusers_folders import save_folder
from tests.embedding_images import save_image_with, word_in_json
from tests.reliability import hostile_files as hostile
from tests.tiny import TINY, build_parts
from tests.toy import make_checkpoint

PACKAGE = Path(__file__).parents[2] / "sd_finetune"
SECONDS, MEGABYTES = 10.0, 600
"""For all readers together, on any one file. A million names take the longest, 3 s on the slowest machine of ours."""


@cache
def toy_target() -> Target:
    """What files to continue from are held against."""
    known = known_base(TOY_CHECKPOINT)
    return Target(TOY_CHECKPOINT, known.family, known.architecture, known.memory.layers)


WAYS: dict[str, Callable[[Path], object]] = {
    "read_layout": read_layout,
    "read_tensors": read_tensors,
    "read_checkpoint": read_checkpoint,
    "read_lora": read_lora,
    "read_embedding": read_embedding,
    "read_bundled": read_bundled,
    "read_image": read_image,
    "embedding_in": embedding_in,
    "read_hypernetwork": read_hypernetwork,
    "identify": lambda path: identify(path).text,
    "layout_of": layout_of,
    "refuse_unless": lambda path: refuse_unless(path, "lora"),
    "refuse_other_lora": lambda path: refuse_other_lora(path, Settings(method="lora"), toy_target()),
    "refuse_other_hypernetwork": lambda path: refuse_other_hypernetwork(
        path, Settings(method="hypernetwork"), toy_target()
    ),
    "embedding_shapes": embedding_shapes,
    "bundled_shapes": bundled_shapes,
    "known_base": known_base,
    "family_of_checkpoint": lambda path: family_of_checkpoint(path, read_layout(path)),
    "refuse_unusable_base": refuse_unusable_base,
    "file_hashes": file_hashes,
    "legacy_hash": legacy_hash,
    "fingerprint": fingerprint,
}
FOR_TEXTS: dict[str, Callable[[Path], object]] = {
    "load_toml": load_toml,
    "read_toml": read_toml,
    "read_metadata_lines": read_metadata_lines,
    "read_metadata_json": read_metadata_json,
    "read_concepts_list": read_concepts_list,
    "import_kohya_dataset": import_kohya_dataset,
    "read_preset": read_preset,
    "parse_preset": lambda path: parse_preset(path, read_text(path)),
}
FOR_FOLDERS: dict[str, Callable[[Path], object]] = {
    "pipeline_class": pipeline_class,
    "part_of": lambda path: [part_of(path, name) for name in ("unet", "vae", "text_encoder", "text_encoder_2")],
    "scheduler_of": scheduler_of,
    "folder_files": folder_files,
    "folder_layout": folder_layout,
    "base_layout": base_layout,
    "base_tensors": base_tensors,
    "read_checkpoint": read_checkpoint,
    "known_base": known_base,
    "refuse_unusable_base": refuse_unusable_base,
    "fingerprint": fingerprint,
    "file_hashes": file_hashes,
}
"""Of models in diffusers' layout."""
TRIED_ELSEWHERE = {"_text_config"}
"""Of a config that names a folder: test_configs."""


def read_all(path: Path, ways: dict[str, Callable[[Path], object]] = WAYS) -> int:
    """Read a file in every way; how many of them took it. Fails for any exception but a user's error about the file."""
    read = 0
    for name, way in ways.items():
        try:
            way(path)
            read += 1
        except UserError as error:
            sentence = str(error)
            assert sentence.encode(), name
            assert len(sentence) < 20_000, f"{name}: {sentence[:500]}"
    return read


class Watched:
    """What a block took at most: seconds, and megabytes more than before it."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._highest = _highest_ever()
        self._started, self._before = time.thread_time(), self._megabytes()
        self._most, self._over = self._before, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _megabytes(self) -> float:
        return self._process.memory_info().rss / 1e6

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            self._most = max(self._most, self._megabytes())

    def end(self) -> tuple[float, float]:
        """Seconds of this thread, as the machine may be busy, and megabytes."""
        self._over.set()
        self._thread.join()
        if _highest_ever() > self._highest:  # what one call of C took and gave back, the thread could not see
            self._most = max(self._most, _highest_ever())
        return time.thread_time() - self._started, self._most - self._before


def _highest_ever() -> float:
    """Megabytes that this process ever had; 0 where the system does not say."""
    if sys.platform != "linux":
        return 0.0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


@contextmanager
def bounded(name: str, worst: dict[str, tuple[float, str]]) -> Generator[None, None, None]:
    """Fail if the block takes too long or too much; note the worst."""
    watched = Watched()
    try:
        yield
    finally:
        seconds, megabytes = watched.end()
    worst["s"] = max(worst.get("s", (0.0, "")), (seconds, name))
    worst["MB"] = max(worst.get("MB", (0.0, "")), (megabytes, name))
    assert seconds < SECONDS, f"{name}: {seconds:.1f} s"
    assert megabytes < MEGABYTES, f"{name}: {megabytes:.0f} MB"


@pytest.fixture(autouse=True)
def _nothing_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[None, None, None]:
    """What the hostile files would do is seen."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    yield
    assert not [path for path in tmp_path.rglob("*") if "intruded" in path.name]


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A small file of each kind that is read, by the name of its reader and its ending."""
    folder = tmp_path_factory.mktemp("valid")
    metadata = {"ss_output_name": "x", "ss_steps": "42", "sd_finetune.settings": '{"method": "lora", "concepts": [{}]}'}
    layers = {hostile.LORA_LAYER: LoraModule(torch.ones(2, 8), torch.ones(8, 2), 2.0)}
    write_lora(folder / "read_lora.safetensors", layers, metadata)
    for ending in (".safetensors", ".pt"):
        write_embedding(folder / f"read_embedding{ending}", {"emb_params": torch.ones(2, 32)}, metadata)
    for where in ("text", "pixels"):
        save_image_with(folder / f"read_image.{where}.png", word_in_json(torch.ones(2, 32)), where)
    save_image_with(folder / "read_image.webp", word_in_json(torch.ones(2, 32)), "pixels", lossless=True, xmp=b"<x/>")
    mlp = {"linear.0.weight": torch.ones(8, 4), "linear.0.bias": torch.ones(8), "linear.1.weight": torch.ones(4, 8),
           "linear.1.bias": torch.ones(4)}  # fmt: skip
    write_hypernetwork(
        folder / "read_hypernetwork.pt", HypernetworkFile(pairs={4: (mlp, mlp)}, shape=HypernetworkShape())
    )
    new_checkpoint(folder / "read_checkpoint.safetensors", FAMILY, TINY, build_parts(TINY))
    found = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".yaml"}
    for name in ("read_embedding.pt", "read_hypernetwork.pt"):
        content = torch.load(io.BytesIO(found[name]), weights_only=True)
        found[f"{name}.zip.pt"] = hostile.saved(content)
    return found


def test_every_reader_goes_through_the_door() -> None:
    tried = {*WAYS, *FOR_TEXTS, *FOR_FOLDERS, *TRIED_ELSEWHERE}
    assert {name.rpartition(".")[2] for name in READERS} <= tried, "a new reader: try it here"
    for room in ("formats", "presets", "reading", "settings"):
        for file in (PACKAGE / room).glob("*.py"):
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef) and node.name.startswith(("read_", "load_", "identify")):
                    first = node.args.args[0].annotation if node.args.args else None
                    if (
                        isinstance(first, ast.Name)
                        and first.id == "Path"
                        and node.name not in ("read_text", "read_toml")
                    ):
                        decorated = {each.id for each in node.decorator_list if isinstance(each, ast.Name)}
                        assert "reader" in decorated, f"{file.name}: {node.name} lacks @reader"


def test_valid_files_are_read(valid: dict[str, bytes], tmp_path: Path) -> None:
    for name, content in valid.items():
        path = tmp_path / name
        path.write_bytes(content)
        if name.startswith("read_checkpoint"):
            path.with_suffix(".yaml").write_text(dump(TINY))
        WAYS[name.partition(".")[0]](path)
        identify(path)


def test_files_made_to_harm(tmp_path: Path, long: bool, measured: Callable[[str], None]) -> None:
    files = {**hostile.pickles(), **hostile.torch_files(), **hostile.headers()}
    worst: dict[str, tuple[float, str]] = {}
    for number, (name, content) in enumerate(files.items()):
        if not long and len(content) > 100_000 and name.endswith("in a row"):
            continue  # the same as in a zip
        path = tmp_path / f"{number}.ckpt"
        path.write_bytes(content)
        is_quick = long or len(content) < 100_000  # all begin by reading the layout, which is what takes its time
        with bounded(name, worst):
            read_all(path, WAYS if is_quick else {"identify": WAYS["identify"]})
        path.unlink()
    (seconds, slowest), (megabytes, largest) = worst["s"], worst["MB"]
    measured(
        f"{len(files)} model files, {len(WAYS)} readers each: at most {seconds:.1f} s ({slowest}) and {megabytes:.0f} "
        f"MB ({largest})"
    )


def test_what_is_no_regular_file(tmp_path: Path) -> None:
    places = [tmp_path, tmp_path / "missing", tmp_path / ("x" * 300), Path("a\0b"), tmp_path / "dangling"]
    with suppress(OSError):
        (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
        (tmp_path / "loop").symlink_to(tmp_path / "loop")
        places.append(tmp_path / "loop")
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe")
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(tmp_path / "socket"))
        server.close()
        places += [tmp_path / "pipe", tmp_path / "socket", Path("/dev/zero"), Path("/dev/null")]
    for place in places:
        with bounded(str(place), {}):
            assert read_all(place, {**WAYS, **FOR_TEXTS}) == 0


def test_a_large_file_of_nothing(tmp_path: Path) -> None:
    """Its size is real and its content is not: nothing may read all of it before it is refused."""
    for start in (hostile.header_file({"a": hostile.entry([1])}), b"PK\3\4" + bytes(60), b"\x80\x02}q\0.", b"[a]"):
        path = tmp_path / "large.ckpt"
        path.write_bytes(start)
        os.truncate(path, 20 * 2**30)
        ways = {name: way for name, way in WAYS.items() if name != "file_hashes"}  # which reads all by its nature
        with bounded(repr(start[:9]), {}):
            assert read_all(path, {**ways, **FOR_TEXTS}) <= 2  # a fingerprint and the short hash can be taken


def test_configs(tmp_path: Path, valid: dict[str, bytes], long: bool, measured: Callable[[str], None]) -> None:
    path, text = tmp_path / "model.safetensors", dump(TINY)
    path.write_bytes(valid["read_checkpoint.safetensors"])
    yaml, worst = path.with_suffix(".yaml"), dict[str, tuple[float, str]]()
    texts = hostile.yaml_texts(text, hostile.WRONG if long else hostile.WRONG[:1])
    for name, content in texts.items():
        yaml.write_text(content)
        with bounded(name, worst):
            read_all(path, {"read_checkpoint": read_checkpoint})
    for folder in ("clip", "/dev", "../..", str(tmp_path), "\0")[: None if long else 2]:
        yaml.write_text(text.replace("version: nowhere", f"version: {json.dumps(folder)}"))
        (tmp_path / "clip").mkdir(exist_ok=True)
        for content in ("[" * 50_000, '{"text_config": [1]}', "[]", '{"num_attention_heads": {}}', "\0"):
            (tmp_path / "clip" / "config.json").write_text(content)
            read_all(path, {"read_checkpoint": read_checkpoint})
    measured(f"{len(texts)} configs: at most {worst['s'][0]:.1f} s and {worst['MB'][0]:.0f} MB")


def test_folders_of_diffusers(tmp_path: Path, long: bool, measured: Callable[[str], None]) -> None:
    """Each value of each config replaced, configs that are none, and shards that are elsewhere."""
    folder = save_folder(make_checkpoint(tmp_path / "toy.safetensors"), tmp_path / "model", max_shard_size="100KB")
    tried, worst = 0, dict[str, tuple[float, str]]()
    for file in sorted(folder.rglob("*.json")):
        valid = file.read_text()
        if not ("config.json" in file.name or "index.json" in file.name) or "tokenizer" in file.parts[-2]:
            continue
        content: dict[str, Any] = json.loads(valid)
        others = hostile.WRONG_JSON if long else hostile.WRONG_JSON[tried % 13 :: 13]
        texts = [json.dumps({**content, name: value}) for name in content for value in others]
        shards = [json.dumps({"weight_map": value}) for value in ([], {"a": 1}, {"a": "/dev/zero"}, {"a": ".."}, None)]
        with bounded(file.name, worst):
            for text in (*texts, *shards, "[" * 50_000, "[]", "\0", "", '{"a":' * 40 + "1" + "}" * 40):
                file.write_text(text)
                tried += 1
                read_all(folder, FOR_FOLDERS if long or tried % 40 == 0 else {"base_layout": base_layout})
        file.write_text(valid)
    measured(f"{tried} configs of folders: at most {worst['s'][0]:.1f} s and {worst['MB'][0]:.0f} MB")


def test_settings_of_strangers(tmp_path: Path, measured: Callable[[str], None]) -> None:
    texts, worst = hostile.toml_texts(), dict[str, tuple[float, str]]()
    for name, content in texts.items():
        path = tmp_path / "settings.toml"
        path.write_text(content)
        with bounded(name, worst):
            read_all(path, FOR_TEXTS)
    good = tmp_path / "good.toml"
    good.write_text('method = "lora"\n')
    overrides = [
        "a" + ".a" * 20_000 + "=1", "lora.rank=" + "[" * 50_000, "x=", "=", "lora.rank=" + "[" * 300 + "]" * 300,
        "train.seed=0x" + "f" * 90_000, "\udcff=1", "concepts.99999999999999999999.folder=1",
        "lora.rank={" + ".".join("a" * 20_000) + "=1}",
    ]  # fmt: skip
    for override in overrides:
        with bounded(override[:30], worst), pytest.raises(UserError):
            read_toml(good, [override])
    measured(f"{len(texts)} settings files: at most {worst['s'][0]:.1f} s")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
NAME_OR_JSON = st.text(st.characters(exclude_characters="/\\"), max_size=20) | JSON.filter(
    lambda value: type(value) is not str
)
NAMES_OF_THE_EXTENSION = (
    "instance_data_dir",
    "class_data_dir",
    "instance_prompt",
    "num_class_images_per",
    "concepts_list",
)


def examples(count: int, **strategies: Any) -> Callable[[Callable[..., None]], None]:
    """Run the function with `count` examples, always the same."""

    def run(function: Callable[..., None]) -> None:
        chosen = settings(
            max_examples=count,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=tuple(HealthCheck),  # pyright: ignore[reportArgumentType]
        )
        chosen(given(**strategies)(function))()

    return run


def test_concepts_of_the_dreambooth_extension(long: bool) -> None:
    entry = st.dictionaries(st.sampled_from(NAMES_OF_THE_EXTENSION), NAME_OR_JSON, max_size=5)

    @examples(3000 if long else 100, content=JSON | entry | st.lists(entry, max_size=3))
    def _read(content: Any) -> None:
        with suppress(UserError):
            import_concepts(content)


def test_damaged_files(valid: dict[str, bytes], tmp_path: Path, long: bool, measured: Callable[[str], None]) -> None:
    """Valid files with bytes changed, taken out, doubled, and header values replaced."""
    counted = {"files": 0, "read": 0}

    @examples(8000 if long else 120, data=st.data(), name=st.sampled_from(sorted(valid)))
    def _damage(data: st.DataObject, name: str) -> None:
        content = bytearray(valid[name])
        is_header = content[8:9] == b"{"
        end = 8 + struct.unpack("<Q", content[:8])[0] if is_header else min(len(content), 3000)
        for _ in range(data.draw(st.integers(1, 4))):
            kind = data.draw(st.sampled_from(("flip", "cut", "double", "tail") + ("value", "key") * is_header))
            place = data.draw(st.integers(0, max(0, min(end, len(content)) - 1)))
            if kind == "flip" and content:
                content[place] = data.draw(st.integers(0, 255))
            elif kind == "cut":
                del content[place : place + data.draw(st.integers(1, 40))]
            elif kind == "double":
                content[place:place] = content[place : place + data.draw(st.integers(1, 40))]
            elif kind == "tail":
                del content[len(content) - data.draw(st.integers(0, 200)) :]
            elif len(content) > 8:
                content = _with_other_header(content, data, kind)
        path = tmp_path / f"damaged{Path(name).suffix}"
        path.write_bytes(content)
        counted["files"] += 1
        counted["read"] += read_all(path)

    measured(f"{counted['files']:,} damaged files read in {len(WAYS)} ways: {counted['read']:,} were taken as they are")


def _with_other_header(content: bytearray, data: st.DataObject, kind: str) -> bytearray:
    length = struct.unpack("<Q", content[:8])[0]
    try:
        header = json.loads(content[8 : 8 + length])
        name = data.draw(st.sampled_from(sorted(header)))
    except (ValueError, TypeError):
        return content
    if kind == "key":
        header[data.draw(st.text(max_size=40) | st.sampled_from((hostile.UNET, "emb_params", "a.lora_up.weight")))] = (
            header.pop(name)
        )
    elif isinstance(header[name], dict) and header[name]:
        header[name][data.draw(st.sampled_from(sorted(header[name])))] = data.draw(JSON)
    else:
        header[name] = data.draw(JSON)
    return bytearray(hostile.header_file(header, bytes(content[8 + length :])))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=8)
    | st.builds(torch.zeros, st.lists(st.integers(0, 3), max_size=4))
    | st.builds(lambda shape: torch.ones(shape, dtype=torch.int32), st.lists(st.integers(0, 3), max_size=3)),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner)
    | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
KEYS = st.sampled_from((
    "string_to_param", "string_to_token", "name", "step", "sd_checkpoint", "sd_checkpoint_name", "state_dict",
    "__metadata__", "layer_structure", "activation_func", "is_layer_norm", "dropout_structure", "use_dropout",
    "activate_output", "last_layer_dropout", "weight_initialization", "emb_params", "*", 320, 768, 4, hostile.UNET,
    f"{hostile.LORA_LAYER}.lora_up.weight", f"{hostile.LORA_LAYER}.lora_down.weight", f"{hostile.LORA_LAYER}.alpha",
))  # fmt: skip


def test_wrong_types_in_pickles(tmp_path: Path, long: bool, measured: Callable[[str], None]) -> None:
    counted = {"files": 0}

    @examples(8000 if long else 120, content=st.dictionaries(KEYS, VALUES, max_size=8), zipped=st.booleans())
    def _read(content: dict[Any, Any], zipped: bool) -> None:
        path = tmp_path / "x.pt"
        path.write_bytes(hostile.saved(content, zipped))
        counted["files"] += 1
        read_all(path)

    measured(f"{counted['files']:,} pickles with wrong types in {len(WAYS)} ways")
