"""The WebUI's queue and lists as we use them, on stand-ins for its modules; tests/webui tries them on a real one."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from sd_finetune.errors import UserError
from sd_finetune.runs.messages import Saved
from tests.screen import wait_until

OURS = ("webui.turn", "webui.lists", "a1111.kind")


class State:
    """Of the WebUI's state, what a turn touches."""

    def __init__(self) -> None:
        self.job, self.interrupted, self.skipped, self.stopping_generation = "", False, False, False

    def begin(self, job: str) -> None:
        self.job, self.interrupted = job, False

    def end(self) -> None:
        self.job = ""

    def interrupt(self) -> None:
        self.interrupted = True

    def request_restart(self) -> None:
        self.interrupt()


class Info:
    """A checkpoint of the WebUI's list; its title has a hash once the file was loaded."""

    def __init__(self, filename: str) -> None:
        self.filename, self.sha256 = filename, None
        self.title = Path(filename).name

    def register(self) -> None:
        models = sys.modules["modules"].sd_models
        models.checkpoints_list[self.title] = models.checkpoint_aliases[self.title] = self


def progress_module() -> SimpleNamespace:
    module = SimpleNamespace(pending_tasks={}, current_task=None, finished_tasks=[])

    def start(task: str) -> None:
        module.pending_tasks.pop(task, None)
        module.current_task = task

    def finish(task: str) -> None:
        module.current_task = None
        module.finished_tasks.append(task)

    module.add_task_to_queue = lambda task: module.pending_tasks.update({task: 0.0})
    module.start_task, module.finish_task = start, finish
    return module


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The WebUI's package `modules`, with a folder of checkpoints and the flag --ckpt for the first of them."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.safetensors").write_bytes(b"")
    package: Any = ModuleType("modules")
    processing = SimpleNamespace(
        StableDiffusionProcessing=type("P", (), {}), StableDiffusionProcessingTxt2Img=type("T", (), {})
    )
    opts = SimpleNamespace(data={"sd_model_checkpoint": "b.safetensors"})
    options = type("Options", (), {"sd_model_checkpoint": property(lambda self: opts.data["sd_model_checkpoint"])})()
    options.data = opts.data
    flags = SimpleNamespace(ckpt=str(tmp_path / "a.safetensors"), ckpt_dir=None)
    parts: dict[str, Any] = {
        "call_queue": SimpleNamespace(queue_lock=threading.Lock()),
        "processing": processing,
        "progress": progress_module(),
        "shared": SimpleNamespace(
            state=State(), loaded_hypernetworks=[], opts=options, cmd_opts=flags, reload_hypernetworks=lambda: None
        ),
        "modelloader": SimpleNamespace(
            load_models=lambda model_path, **_: sorted(map(str, Path(model_path).glob("*.safetensors")))
        ),
        "paths": SimpleNamespace(models_path=str(tmp_path)),
        "sd_hijack": SimpleNamespace(),
        **{name: SimpleNamespace() for name in ("deepbooru", "devices", "sd_unet", "sd_vae", "torch_utils")},
        "sd_models": SimpleNamespace(
            checkpoints_list={}, checkpoint_aliases={}, CheckpointInfo=Info, model_path=str(tmp_path),
            model_data=SimpleNamespace(sd_model=None, loaded_sd_models=[]), reload_model_weights=lambda **_: None,
            send_model_to_trash=lambda model: None,
        ),
    }  # fmt: skip
    vars(package).update(parts)
    monkeypatch.setitem(sys.modules, "modules", package)
    before = set(sys.modules)
    package.turn, package.lists, package.a1111 = (importlib.import_module(f"sd_finetune.hosts.{name}") for name in OURS)
    package.kind = package.a1111.A1111()
    package.lists.read_checkpoints(package.kind)
    yield package
    for name in set(sys.modules) - before:
        if name.startswith("sd_finetune.hosts."):
            del sys.modules[name]


def test_a_turn_is_the_webuis_job_from_its_beginning_to_its_end(modules: Any) -> None:
    with modules.turn.turn("task(dog)"):
        assert (modules.shared.state.job, modules.turn.is_our_turn("task(dog)")) == ("task(dog)", True)
        assert modules.call_queue.queue_lock.locked()
        modules.shared.state.request_restart()
        assert not modules.shared.state.interrupted, "Reload UI does not end a run"
        modules.shared.state.interrupt()
        assert modules.shared.state.interrupted
    assert not modules.call_queue.queue_lock.locked()
    assert (modules.shared.state.job, modules.shared.state.interrupted) == ("", False)
    assert modules.progress.finished_tasks == ["task(dog)"]


def test_while_it_waits_progress_and_interrupt_are_of_another(modules: Any) -> None:
    given_up = threading.Event()
    with modules.call_queue.queue_lock:
        modules.progress.start_task("task(image)")
        waiting = threading.Thread(target=lambda: wait(modules, given_up))
        waiting.start()
        wait_until(lambda: "task(dog)" in modules.progress.pending_tasks)
        assert not modules.turn.is_our_turn("task(dog)")
        given_up.set()
        waiting.join(10)
        assert not waiting.is_alive(), "it does not wait for its turn to be given up"
        assert modules.progress.pending_tasks == {}
    wait_until(lambda: modules.call_queue.queue_lock.acquire(blocking=False))
    assert modules.shared.state.job == "", "what was given up never began"


def wait(modules: Any, given_up: threading.Event) -> None:
    with pytest.raises(UserError, match="Canceled before it started"), modules.turn.turn("task(dog)", given_up.is_set):
        raise AssertionError("it was given up")


def test_its_start_frees_the_ram_of_what_a_killed_process_had_lent(
    modules: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    freed: list[bool] = []
    monkeypatch.setattr(modules.a1111, "remove_left_behind", lambda: freed.append(True))
    modules.a1111.A1111()
    assert freed


def test_what_fails_in_a_turn_gives_it_back(modules: Any) -> None:
    with pytest.raises(ValueError, match="within"), modules.turn.turn("task(dog)"):
        raise ValueError("within")
    assert not modules.call_queue.queue_lock.locked()
    assert modules.progress.current_task is None


def test_a_new_checkpoint_selects_no_other_one_with_ckpt(modules: Any, tmp_path: Path) -> None:
    lists = modules.lists.Lists(modules.kind)
    new = tmp_path / "new.safetensors"
    new.write_bytes(b"")
    lists.take_in([Saved(1, "checkpoint", str(new)), Saved(1, "snapshot", str(tmp_path))])
    assert list(modules.sd_models.checkpoints_list) == ["a.safetensors", "b.safetensors", "new.safetensors"]
    assert modules.shared.opts.sd_model_checkpoint == "b.safetensors"
    assert modules.lists.selected().title == "b.safetensors"
    assert lists.version == 1
    lists.take_in([])
    assert lists.version == 1, "the page has nothing to take over"


def test_the_list_is_whole_while_it_is_read(modules: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    class Slow(Info):
        def __init__(self, filename: str) -> None:
            seen.append(len(modules.sd_models.checkpoints_list))
            super().__init__(filename)

    monkeypatch.setattr(modules.sd_models, "CheckpointInfo", Slow)
    modules.lists.read_checkpoints(modules.kind)
    assert set(seen) == {2}


def test_the_same_file_stays_selected_and_else_the_first(modules: Any, tmp_path: Path) -> None:
    modules.shared.opts.data["sd_model_checkpoint"] = "b.safetensors [0123456789]"
    modules.sd_models.checkpoint_aliases["b.safetensors [0123456789]"] = modules.sd_models.checkpoints_list[
        "b.safetensors"
    ]
    modules.lists.read_checkpoints(modules.kind)
    assert modules.shared.opts.sd_model_checkpoint == "b.safetensors", "a replaced file has no hash yet"
    (tmp_path / "b.safetensors").unlink()
    modules.lists.read_checkpoints(modules.kind)
    assert modules.shared.opts.sd_model_checkpoint == "a.safetensors"


def test_what_is_used_before_it_is_listed_stays_selected(modules: Any, tmp_path: Path) -> None:
    """A result is there for the page before its run's turn ends, and to select it waits for that."""
    modules.shared.opts.data["sd_model_checkpoint"] = "new.safetensors"
    assert modules.lists.selected().title == "a.safetensors"
    (tmp_path / "new.safetensors").write_bytes(b"")
    modules.lists.read_checkpoints(modules.kind)
    assert modules.shared.opts.sd_model_checkpoint == "new.safetensors"
    assert modules.lists.selected().title == "new.safetensors"


def test_what_is_used_without_being_selected_is_used_on(modules: Any, tmp_path: Path) -> None:
    """As in Neo, whose page may select nothing, where the first of the list is used."""
    modules.shared.cmd_opts.ckpt, modules.shared.opts.data["sd_model_checkpoint"] = None, None
    modules.lists.read_checkpoints(modules.kind)
    assert modules.shared.opts.sd_model_checkpoint is None, "no need to select anything"
    (tmp_path / "a new one.safetensors").write_bytes(b"")
    modules.lists.read_checkpoints(modules.kind)
    assert next(iter(modules.sd_models.checkpoints_list)) == "a new one.safetensors"
    assert modules.lists.selected().title == "a.safetensors"


def test_a_loaded_checkpoint_whose_file_was_replaced_is_loaded_again(
    modules: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Any] = []
    current, kept, other = (
        SimpleNamespace(sd_checkpoint_info=Info(str(tmp_path / f"{name}.safetensors"))) for name in ("a", "b", "a")
    )
    models = modules.sd_models
    models.model_data = SimpleNamespace(sd_model=current, loaded_sd_models=[current, kept, other])
    monkeypatch.setattr(models, "reload_model_weights", lambda **how: done.append(how))
    monkeypatch.setattr(models, "send_model_to_trash", done.append)
    modules.lists.Lists(modules.kind).take_in([Saved(1, "checkpoint", str(tmp_path / "a.safetensors"))])
    assert done == [{"forced_reload": True}, other]
    assert models.model_data.loaded_sd_models == [current, kept]


def test_a_list_that_cannot_be_read_keeps_nothing_else_from_being_read(
    modules: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OSError("the folder went away")

    read: list[str] = []
    monkeypatch.setitem(modules.a1111.READERS, "lora", refuse)
    monkeypatch.setitem(modules.a1111.READERS, "embedding", lambda: read.append("embedding"))
    modules.lists.Lists(modules.kind).take_in([Saved(1, "lora", "x"), Saved(1, "embedding", "y")])
    assert read == ["embedding"]
