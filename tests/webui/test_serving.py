"""Other ways of starting each WebUI: without its page, and with a login."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.parse
import urllib.request

from sd_finetune.demo.paths import TOY_CHECKPOINT
from tests.webui.conftest import Started
from tests.webui.webui import WebUI


def code_of(opener: urllib.request.OpenerDirector, address: str, body: bytes | None = None) -> int:
    try:
        return opener.open(address, body, timeout=60).status
    except urllib.error.HTTPError as error:
        return error.code


def test_without_a_page_our_routes_answer(started_host: Started) -> None:
    with started_host("--nowebui") as webui:
        told = webui.get("/sd_finetune/start")
        assert told["faults"] == []
        assert told["checkpoints"][0]["loaded"]
        made = webui.post("/sd_finetune/projects", {"name": "dog", "checkpoint": told["checkpoints"][0]["title"]})
        assert made["name"] == "dog"


def test_who_has_not_logged_in_gets_nothing(started_host: Started) -> None:
    with started_host("--gradio-auth", "user:secret") as webui:
        stranger = urllib.request.build_opener()
        guest = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        for path in ("start", "web/main.mjs", "web/style.css", "projects/dog"):
            assert code_of(stranger, f"{webui.address}sd_finetune/{path}") == 401, path
        for path in ("projects", "projects/dog/train", "projects/dog/delete"):
            assert code_of(stranger, f"{webui.address}sd_finetune/{path}", b"{}") == 401, path
        form = urllib.parse.urlencode({"username": "user", "password": "secret"}).encode()
        assert code_of(guest, f"{webui.address}login", form) == 200
        for path in ("start", "web/main.mjs", "web/style.css"):
            assert code_of(guest, f"{webui.address}sd_finetune/{path}") == 200, path


def test_a_new_checkpoint_selects_no_other_one(started: Started, webui: WebUI) -> None:
    toy = webui.checkpoints / TOY_CHECKPOINT.name
    with started("--ckpt", str(toy)) as other:
        copy, new = other.checkpoints / "copy.safetensors", other.checkpoints / "new.safetensors"
        shutil.copy(toy.with_suffix(".yaml"), copy.with_suffix(".yaml"))
        other.post("/test/results", {"kind": "checkpoint", "written": {str(toy): str(copy)}})
        other.post("/sdapi/v1/options", {"sd_model_checkpoint": copy.name})
        other.post("/test/results", {"kind": "checkpoint", "written": {str(toy): str(new)}})
        titles = [entry["title"] for entry in other.get("/sdapi/v1/sd-models")]
        assert new.name in titles
        assert other.get("/sdapi/v1/options")["sd_model_checkpoint"] == copy.name
