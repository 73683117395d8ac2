"""The routes as a script and as a stranger's page ask them."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from fastapi import HTTPException, Request
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient
from PIL import Image

from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.errors import UserError
from sd_finetune.hosts.host import BaseCheckpoint
from sd_finetune.ui.advice.gpu import Gpu, find_gpu
from sd_finetune.ui.server.app import make_app
from tests.screen import Screen, all_routes, make_images, wait_until

BASE = "http://127.0.0.1:7861"
TOY = str(TOY_CHECKPOINT)


@pytest.fixture
def client(screen: Screen) -> TestClient:
    return TestClient(make_app(screen.context), base_url=BASE)


def png(side: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(buffer, format="PNG")
    return buffer.getvalue()


def requests() -> list[tuple[str, str]]:
    """The methods and paths of the whole server."""
    return [(method, path) for path, route in all_routes() for method in route.methods]


def address_of(path: str) -> str:
    """The address of something that is there, in the project "dog" with its run "dog-001"."""
    there = {"name": "dog", "number": "1", "run": "dog-001", "file": "dog.safetensors", "key": "x", "image": "0.png"}
    return path.format(**there, package="xformers")


def test_every_route_asks_for_the_login(screen: Screen, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen.context.host, "is_allowed", lambda request: False)
    for method, path in requests():
        assert client.request(method, address_of(path), json={}).status_code == 401, path


def test_every_change_is_asked_for_by_our_own_page(screen: Screen, client: TestClient) -> None:
    client.post("/sd_finetune/projects/dog/train")
    wait_until(lambda: screen.context.runner.current() is None)
    before = contents(screen.context.projects)
    for method, path in requests():
        if method in ("GET", "HEAD"):
            client.request(method, address_of(path))
            continue
        for headers in ({"Origin": "http://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}):
            assert client.request(method, address_of(path), json={}, headers=headers).status_code == 403, path
    assert contents(screen.context.projects) == before, "asking changes nothing"
    assert client.post("/sd_finetune/projects/dog/settings", json={}, headers={"Origin": BASE}).status_code == 200


BEHIND_A_PROXY = {"Origin": "https://sd.example.com", "Host": "127.0.0.1:7860"}


@pytest.mark.parametrize(
    "told",
    [{"Sec-Fetch-Site": "same-origin"}, {"X-Forwarded-Host": "sd.example.com"},
     {"X-Forwarded-Host": "sd.example.com, inner.example"}],
)  # fmt: skip
def test_a_reverse_proxy_may_change_the_host(client: TestClient, told: dict[str, str]) -> None:
    answer = client.post("/sd_finetune/projects/dog/settings", json={}, headers={**BEHIND_A_PROXY, **told})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "told",
    [{"Sec-Fetch-Site": "cross-site", "X-Forwarded-Host": "sd.example.com"}, {"Sec-Fetch-Site": "same-site"},
     {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": ""}, {"X-Forwarded-Host": "inner.example, sd.example.com"},
     {"X-Forwarded-Host": ""}, {}],
)  # fmt: skip
def test_other_pages_stay_refused_with_a_sentence(client: TestClient, told: dict[str, str]) -> None:
    client.app.exception_handler(HTTPException)(as_the_webui)  # type: ignore[union-attr]
    answer = client.post("/sd_finetune/projects/dog/settings", json={}, headers={**BEHIND_A_PROXY, **told})
    assert answer.status_code == 403
    assert answer.json()["error"].startswith("A page of https://sd.example.com asked for this change, which reached")
    assert "127.0.0.1:7860" in answer.json()["error"]


def as_the_webui(request: Request, error: Exception) -> JSONResponse:
    """As http_exception_handler of WebUI v1.10.1, with --api."""
    return JSONResponse({"error": type(error).__name__, "detail": str(error)}, status_code=500)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "wrong", [{}, {"base": 3}, {"method": []}, {"concepts": "x"}, {"concepts": [1]}, {"data": 3, "samples": []}]
)
def test_whatever_was_kept_is_answered_with_a_sentence(screen: Screen, client: TestClient, wrong: dict) -> None:
    """By an earlier version, or by hand."""
    place = "/sd_finetune/projects/dog"
    screen.context.project("dog").replace_settings({**screen.settings(), **wrong} if wrong else {})
    assert client.get(place).json()["check"]["faults"]
    for path in ("", "/concepts/1", "/class-images", "/generated"):
        assert client.get(f"{place}{path}").status_code in (200, 400), path
    for path in ("/train", "/class-images/generate", "/fit"):
        assert client.post(f"{place}{path}", json={}).json()["error"], path
    assert screen.context.runner.current() is None


def test_a_name_that_was_led_to_this_machine_is_refused(client: TestClient) -> None:
    assert client.get("/sd_finetune/projects", headers={"Host": "evil.example:7861"}).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "projects/..%2f..",
        "projects/dog/runs/..%2f..%2fdog/status",
        "projects/dog/runs/dog-001/samples/..%2fsettings.json",
        "projects/dog/runs/dog-001/samples/..",
        "projects/dog/runs/dog-001/results/settings.json",
        "projects/dog/concepts/1/thumbnail?image=../outside.png",
        "projects/dog/concepts/1/thumbnail?image=/etc/passwd",
        "projects/dog/class-images/..%2f../x.png",
        "projects/dog/generated/..%2fruns/x.png",
        "web/..%2fapp.py",
        "web/.%2e/__init__.py",
    ],
)
def test_no_path_leaves_its_folder(screen: Screen, client: TestClient, tmp_path: Path, path: str) -> None:
    (tmp_path / "outside.png").write_bytes(png())
    client.post("/sd_finetune/projects/dog/train")
    wait_until(lambda: screen.context.runner.current() is None)
    answer = client.get(f"/sd_finetune/{path}")
    assert answer.status_code in (400, 404), answer.text
    assert answer.headers["content-type"].startswith("application/json")


def test_a_project_from_a_file_by_its_path(client: TestClient, tmp_path: Path) -> None:
    file = tmp_path / "own.safetensors"
    shutil.copy(TOY_CHECKPOINT, file)
    shutil.copy(TOY_CHECKPOINT.with_suffix(".yaml"), file.with_suffix(".yaml"))
    made = client.post("/sd_finetune/projects", json={"name": "cat", "checkpoint": str(file)}).json()
    assert made["settings"]["base"]["checkpoint"] == str(file)
    assert made["check"]["faults"].keys() == {"concepts.1.folder", "concepts.1.class_prompt"}
    refused = client.post("/sd_finetune/projects", json={"name": "cow", "checkpoint": "/etc/passwd"})
    assert refused.status_code == 400
    assert "is not a checkpoint" in refused.json()["error"]
    file.write_bytes(b"")
    for name in ("cow", "dog"):
        address = "/sd_finetune/projects" if name == "cow" else "/sd_finetune/projects/dog/base"
        refused = client.post(address, json={"name": name, "checkpoint": str(file)})
        assert refused.status_code == 400
        assert "is empty (0 bytes)" in refused.json()["error"]
    assert client.get("/sd_finetune/projects/cow").status_code == 400


def test_the_loaded_checkpoint_is_told_with_its_family(screen: Screen, client: TestClient) -> None:
    def checkpoints() -> list[BaseCheckpoint]:
        return [BaseCheckpoint("toy", TOY_CHECKPOINT, loaded=True), BaseCheckpoint("the same", TOY_CHECKPOINT)]

    screen.context.host.checkpoints = checkpoints
    told = client.get("/sd_finetune/projects").json()["checkpoints"]
    assert told == [
        {"title": "toy", "loaded": True, "family": "sd1"}, {"title": "the same", "loaded": False, "family": ""}
    ]  # fmt: skip


def test_settings_are_kept_as_they_stand_and_what_is_wrong_is_told(screen: Screen, client: TestClient) -> None:
    settings = screen.settings(train__batch_size="many")
    told = client.post("/sd_finetune/projects/dog/settings", json=settings).json()
    assert list(told["faults"]) == ["train.batch_size"]
    assert client.get("/sd_finetune/projects/dog").json()["settings"] == settings
    told = client.post("/sd_finetune/projects/dog/settings", json=screen.settings(train__length="4 epochs")).json()
    assert (told["faults"], told["images"], told["steps_per_epoch"], told["steps"]) == ({}, [3], 3, 12)


def test_a_run_seen_through_the_routes(screen: Screen, client: TestClient) -> None:
    run = client.post("/sd_finetune/projects/dog/train").json()["run"]
    place = f"/sd_finetune/projects/dog/runs/{run}"
    wait_until(lambda: not client.get(f"{place}/status").json()["active"])
    told = client.get(f"{place}/status").json()
    assert (told["state"], told["step"]["step"], len(told["points"])) == ("finished", 20, 20)
    sample = client.get(f"{place}/samples/{Path(told['samples'][0]['file']).name}")
    assert sample.headers["content-type"] == "image/png"
    (result,) = client.get(f"{place}/results").json()
    assert (result["name"], result["prompt"]) == ("dog.safetensors", "<lora:dog:1>")
    assert client.get(f"{place}/results/dog.safetensors").content == b"pretended" * 100
    assert client.get(f"{place}/log").text == "pretending\n"
    late = client.post(f"{place}/command", json={"command": "stop"})
    assert late.status_code == 400
    assert "is no longer running" in late.json()["error"]


def test_images_that_are_dropped(client: TestClient) -> None:
    place = "/sd_finetune/projects/dog/concepts/1"
    first = client.post(f"{place}/upload?file=../../my dog.png", content=png(16)).json()
    second = client.post(f"{place}/upload", params={"file": "my dog.png", **folder_of(first)}, content=png(16)).json()
    assert (first["name"], second["name"]) == ("my dog.png", "my dog-2.png")
    assert Path(first["folder"]).parts[-3:] == ("dog", "pictures", "concept-1")
    refused = client.post(f"{place}/upload?file=virus.exe", content=b"MZ")
    assert "virus.exe is not an image that is trained on" in refused.json()["error"]
    assert sorted(path.name for path in Path(first["folder"]).iterdir()) == ["my dog-2.png", "my dog.png"]


def folder_of(told: dict[str, str]) -> dict[str, str]:
    """That of an upload, for the next one."""
    return {"folder": told["folder"]}


def test_each_concept_has_uploads_of_its_own(screen: Screen, client: TestClient, tmp_path: Path) -> None:
    place = "/sd_finetune/projects/dog/concepts"

    def dropped(number: int, **more: str) -> Any:
        return client.post(f"{place}/{number}/upload", params={"file": "1.png", **more}, content=png(16)).json()

    def concepts_in(*folders: str) -> None:
        settings = screen.settings(concepts=[{"folder": folder} for folder in folders])
        client.post("/sd_finetune/projects/dog/settings", json=settings)

    one, two = dropped(1)["folder"], dropped(2)["folder"]
    concepts_in(one, two)
    assert [dropped(1)["folder"], dropped(2)["folder"]] == [one, two]
    concepts_in(two, "")  # without the first one, whose images stay
    assert dropped(1)["folder"] == two
    third = dropped(2)["folder"]
    assert len({one, two, third}) == 3
    assert dropped(2, folder=third) == {"folder": third, "name": "1-2.png"}
    for folder in (str(tmp_path), str(Path(third).parent), str(Path(third).parent.parent), "../pictures/concept-1"):
        assert "is not a folder of uploads of this project" in dropped(2, folder=folder)["error"]


def test_what_another_folder_has_by_now_stays(screen: Screen, client: TestClient) -> None:
    place = "/sd_finetune/projects/dog/concepts/1"
    folder = client.post(f"{place}/upload", params={"file": "0.png"}, content=png(16)).json()["folder"]
    client.post("/sd_finetune/projects/dog/settings", json=screen.settings(concepts=[{"folder": folder}]))
    for route, content in (
        ("captions", {"changes": {"0.png": {"was": "", "now": "a dog"}}}),
        ("remove", {"image": "0.png"}),
    ):
        told = client.post(f"{place}/{route}", json={**content, "folder": str(screen.pictures)}).json()["error"]
        assert told == f"Concept 1 has another folder by now, {folder}: nothing was changed in {screen.pictures}."
        assert [path.name for path in Path(folder).iterdir()] == ["0.png"]
    for route, content in (("captions", {"changes": {"0.png": {"now": "a dog"}}}), ("remove", {"image": "0.png"})):
        as_pasted = f' "{folder}" '
        assert client.post(f"{place}/{route}", json={**content, "folder": as_pasted}).status_code == 200
    assert list(Path(folder).iterdir()) == []


def test_captions(screen: Screen, client: TestClient) -> None:
    place = "/sd_finetune/projects/dog/concepts/1"

    def write(**captions: Any) -> dict[str, Any]:
        return client.post(f"{place}/captions", json={"changes": captions and {"1.png": captions}}).json()

    assert write(was="", now=" a  dog\n\nin snow ") == {"theirs": {}, "faults": {}}
    assert (screen.pictures / "1.txt").read_text() == "a dog\nin snow\n"
    assert write(was="", now="a cat") == {"theirs": {"1.png": "a dog\nin snow"}, "faults": {}}
    assert write(was="a dog\nin  snow\n", now="a dog in snow") == {"theirs": {}, "faults": {}}
    assert client.get(place).json()["count"] == 3
    told = client.get(f"{place}/images").json()
    assert [(entry["name"], entry["caption"], entry["size"]) for entry in told] == [
        ("0.png", "", [64, 48]),
        ("1.png", "a dog in snow", [64, 64]),
        ("2.png", "", [64, 48]),
    ]
    assert write(now="") == {"theirs": {}, "faults": {}}
    assert not (screen.pictures / "1.txt").exists()
    small = Image.open(io.BytesIO(client.get(f"{place}/thumbnail?image=0.png").content))
    assert (small.format, small.size) == ("JPEG", (64, 48))


def test_captions_that_others_wrote(screen: Screen, client: TestClient) -> None:
    place = "/sd_finetune/projects/dog/concepts/1"

    def told() -> list[str]:
        return [entry["caption"] for entry in client.get(f"{place}/images").json()]

    lines = [{"file_name": f"{number}.png", "text": f"dog {number}"} for number in range(3)]
    (screen.pictures / "metadata.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    (screen.pictures / "1.png.caption").write_bytes("ein Hündchen".encode("cp1252"))
    assert told() == ["dog 0", "ein Hündchen", "dog 2"]
    client.post(f"{place}/captions", json={"changes": {"1.png": {"now": "a puppy"}}})
    assert (screen.pictures / "1.png.caption").read_text() == "a puppy\n"
    changes = {"0.png": {"was": "dog 0", "now": ""}, "1.png": {"was": "a puppy", "now": ""}, "2.png": {"now": "dog 2"}}
    client.post(f"{place}/captions", json={"changes": changes})
    assert told() == ["", "", "dog 2"]
    assert (screen.pictures / "0.txt").read_text() == ""


def test_excluded_images_are_listed_and_not_counted(screen: Screen, client: TestClient) -> None:
    place = "/sd_finetune/projects/dog"
    settings = screen.settings()
    settings["concepts"][0]["exclude"] = ["1.png"]
    client.post(f"{place}/settings", json=settings)
    told = client.get(f"{place}/concepts/1").json()
    assert (told["count"], told["excluded"]) == (2, 1)
    assert [image["name"] for image in client.get(f"{place}/concepts/1/images").json()] == ["0.png", "1.png", "2.png"]
    assert client.get(f"{place}/concepts/1/thumbnail?image=1.png").status_code == 200


def test_a_thumbnail_follows_its_file_and_may_be_kept_by_the_browser(screen: Screen, client: TestClient) -> None:
    place = "/sd_finetune/projects/dog/concepts/1"

    def look() -> tuple[str, bytes]:
        state = client.get(f"{place}/images").json()[0]["state"]
        answer = client.get(f"{place}/thumbnail", params={"image": "0.png", "state": state})
        assert answer.headers["cache-control"] == "private, max-age=604800"
        return state, answer.content

    before = look()
    assert look() == before
    Image.new("RGB", (600, 300), "yellow").save(screen.pictures / "0.png")
    after = look()
    assert after[0] != before[0]
    assert Image.open(io.BytesIO(after[1])).size == (160, 80)


def test_captions_that_cannot_be_written_keep_no_other_from_it(screen: Screen, client: TestClient) -> None:
    place = "/sd_finetune/projects/dog/concepts/1/captions"
    names = ["0.png", "../0.png", "nothing.png", "1.png"]
    answer = client.post(place, json={"changes": {name: {"was": "", "now": "a dog"} for name in names}}).json()
    assert sorted(answer["faults"]) == ["../0.png", "nothing.png"]
    assert [(screen.pictures / f"{number}.txt").exists() for number in range(3)] == [True, True, False]
    for wrong in ([], None, {"1.png": "a dog"}, {"1.png": {"was": ""}}, {"1.png": {"now": 1}}, {"1.png": {"to": "x"}}):
        refused = client.post(place, json={"changes": wrong})
        assert refused.status_code == 400, wrong
    assert (screen.pictures / "1.txt").read_text() == "a dog\n"


def test_captions_that_are_dropped(client: TestClient) -> None:
    place = "/sd_finetune/projects/dog/concepts/1/upload"
    first = folder_of(client.post(place, params={"file": "1.caption"}, content=b"a dog").json())
    folder, metadata = Path(first["folder"]), {"file": "metadata.jsonl", **first}
    for number in (1, 2):
        line = {"file_name": f"{number}.png", "text": "a dog"}
        client.post(place, params=metadata, content=json.dumps(line).encode())
    assert sorted(path.name for path in folder.iterdir()) == ["1.caption", "metadata.jsonl"]
    assert len((folder / "metadata.jsonl").read_text().splitlines()) == 2
    refused = client.post(place, params=metadata, content=b"no JSON").json()["error"]
    assert "line 3, is not valid JSON" in refused
    assert len((folder / "metadata.jsonl").read_text().splitlines()) == 2


def test_what_is_taught_of_each_size(screen: Screen, client: TestClient) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6  # as a phone notes it that was held upright
    Image.new("RGB", (96, 32)).save(screen.pictures / "turned.jpg", exif=turned)
    client.post("/sd_finetune/projects/dog/settings", json=screen.settings(data__resolution=128))

    def told() -> list[dict[str, Any]]:
        return client.get("/sd_finetune/projects/dog/concepts/1").json()["sizes"]

    wide, square, tall = told()
    assert wide == {"size": [64, 48], "count": 2, "trained": [128, 128], "cut": 0.25, "scale": pytest.approx(128 / 48)}
    assert square == {"size": [64, 64], "count": 1, "trained": [128, 128], "cut": 0, "scale": 2}
    assert tall == {"size": [32, 96], "count": 1, "trained": [64, 192], "cut": 0, "scale": 2}
    client.post("/sd_finetune/projects/dog/settings", json=screen.settings(data={"buckets": False, "resolution": 128}))
    assert told()[2] == {"size": [32, 96], "count": 1, "trained": [128, 128], "cut": pytest.approx(2 / 3), "scale": 4}


def test_a_list_of_the_older_extension(screen: Screen, client: TestClient) -> None:
    old = [
        {"instance_data_dir": "/dogs", "instance_prompt": "sks dog", "class_prompt": "dog", "num_class_images_per": 5},
        {
            "instance_data_dir": "/cats",
            "instance_prompt": "[filewords]",
            "class_data_dir": "/all cats",
            "instance_token": "zwx",
        },
        {"instance_data_dir": ""},
    ]
    found = client.post("/sd_finetune/concepts/import", json={"concepts_list": old}).json()
    shown = [(c["folder"], c["instance_prompt"], c["class_prompt"], c["class_folder"]) for c in found["concepts"]]
    assert shown == [("/dogs", "sks dog", "dog", ""), ("/cats", "zwx, [filewords]", "", "/all cats")]
    assert found["notes"] == ["/cats: the instance prompt is zwx, [filewords], so that its token is trained."]
    here = {"instance_data_dir": str(screen.pictures), "instance_prompt": "sks dog"}  # three pictures
    counts = [{"num_class_images_per": 5}, {"num_class_images": 40}, {"num_class_images_per": "many"}, {}]
    found = client.post("/sd_finetune/concepts/import", json=[{**here, **count} for count in counts]).json()
    assert [concept["class_images"] for concept in found["concepts"]] == [15, 40, "auto", "auto"]
    refused = client.post("/sd_finetune/concepts/import", json={"a": 1})
    assert "not a concepts list" in refused.json()["error"]


def test_a_folder_of_kohya(screen: Screen, client: TestClient, tmp_path: Path) -> None:
    make_images(tmp_path / "kohya/5_sks dog", 2)
    place = "/sd_finetune/projects/dog"
    told = client.post(f"{place}/import", json={"path": str(tmp_path / "kohya")}).json()
    assert told == {"concepts": 1, "notes": ["There are no regularization images, so prior preservation is off."]}
    settings = client.get(place).json()["settings"]
    first, added = settings["concepts"]  # that of the project stays
    assert first["folder"] == str(screen.pictures)
    assert (added["repeats"], added["instance_prompt"], added["class_images"]) == (5, "sks dog", "auto")
    assert settings["prior"]["weight"] == 0
    refused = client.post(f"{place}/import", json={"path": str(tmp_path)}).json()["error"]
    assert 'has no folder like "10_sks dog"' in refused


def test_a_project_at_work_is_not_deleted(screen: Screen, client: TestClient) -> None:
    slow = screen.settings(output__notes="slow", train__length="2000 steps")
    client.post("/sd_finetune/projects/dog/settings", json=slow)
    client.post("/sd_finetune/projects/dog/train")
    assert "stop it before" in client.post("/sd_finetune/projects/dog/delete").json()["error"]
    screen.context.runner.kill()
    wait_until(lambda: screen.context.runner.current() is None)
    assert client.post("/sd_finetune/projects/dog/delete").json()["projects"] == []


def test_settings_are_fitted_to_the_gpu(screen: Screen, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for gpu in (None, Gpu("RTX 3060", 12_600_000_000, bf16=True)):
        monkeypatch.setattr("sd_finetune.ui.server.project_routes.find_gpu", lambda gpu=gpu: gpu)
        told = client.post("/sd_finetune/projects/dog/fit").json()
        assert ("train.mixed_precision" in told["changes"]) == (gpu is not None)
    assert "RTX 3060" in told["sentence"]
    assert screen.context.project("dog").settings()["train"]["mixed_precision"] == "bf16"
    client.post("/sd_finetune/projects/dog/settings", json=screen.settings(train__batch_size="many"))
    assert "Batch size" in client.post("/sd_finetune/projects/dog/fit").json()["error"]


def test_settings_are_fitted_before_there_are_images(screen: Screen, client: TestClient) -> None:
    """As the README has it: the GPU first, then the concepts."""
    bare = {**screen.settings(prior__weight=1), "concepts": [{"folder": "", "class_prompt": ""}]}
    for concepts in ([], bare["concepts"]):
        screen.context.project("dog").replace_settings({**bare, "concepts": concepts})
        assert client.get("/sd_finetune/projects/dog").json()["check"]["faults"]
        assert (
            "train.mixed_precision"
            in client.post("/sd_finetune/projects/dog/fit", json={"gpu": "6gb"}).json()["changes"]
        )
        assert screen.context.project("dog").settings()["concepts"] == concepts


def test_settings_are_fitted_to_a_gpu_that_is_not_there(screen: Screen, client: TestClient) -> None:
    told = client.post("/sd_finetune/projects/dog/fit", json={"gpu": "4gb"}).json()
    assert "and a GPU of 4 GB has 4.0 GB" in told["sentence"]
    assert screen.context.project("dog").settings()["class_images"]["batch_size"] == 1
    assert "is not valid" in client.post("/sd_finetune/projects/dog/fit", json={"gpu": "5gb"}).json()["error"]
    assert {"gpu": "4gb", "title": "4 GB"} in client.get("/sd_finetune/start").json()["gpus"]


def test_torch_is_asked_for_the_gpu() -> None:
    torch = pytest.importorskip("torch")
    found = find_gpu()
    assert (found is not None) == torch.cuda.is_available()


def test_a_torch_that_cannot_be_asked_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sd_finetune.ui.advice.gpu.PROBE", "raise OSError('no libcudart')")
    with pytest.raises(UserError, match="OSError: no libcudart"):
        find_gpu()
    monkeypatch.setattr("sd_finetune.ui.advice.gpu.PROBE", "print('hello'); print('[\"T4\", 16, false]')")
    assert find_gpu() == Gpu("T4", 16, bf16=False)


def test_an_example_to_train_as_it_is(client: TestClient) -> None:
    for name in ("example-1", "example-2"):
        made = client.post("/sd_finetune/example").json()
        assert (made["name"], made["settings"]["output"]["name"], made["check"]["faults"]) == (name, name, {})


def test_class_images_of_the_project_s_prompts(screen: Screen, client: TestClient, tmp_path: Path) -> None:
    concept = {"folder": str(screen.pictures), "instance_prompt": "sks dog", "class_prompt": "a dog"}
    for key, prompt in (("dogs", "a dog"), ("cats", "a cat")):
        folder = make_images(tmp_path / "cache" / key, 2)
        drawing = {"width": 64, "height": 32, "steps": 2, "guidance_scale": 7.5, "sampler": "euler_a"}
        (folder / "class-images.json").write_text(json.dumps({"prompt": prompt, "drawing": drawing}))
    settings = screen.settings(concepts=[concept], class_images__cache_folder=str(tmp_path / "cache"))
    client.post("/sd_finetune/projects/dog/settings", json=settings)
    place = "/sd_finetune/projects/dog/class-images"
    (told,) = client.get(place).json()
    assert (told["key"], told["prompt"], told["images"]) == ("dogs", "a dog", ["0.png", "1.png"])
    assert told["sampling"] == "64 × 32, 2 steps, CFG scale 7.5, Euler a"
    assert client.get(f"{place}/dogs/0.png").headers["content-type"] == "image/jpeg"
    assert "Class images cats not found" in client.post(f"{place}/cats/0.png/delete").json()["error"]
    client.post(f"{place}/dogs/0.png/delete")
    assert client.get(place).json()[0]["images"] == ["1.png"]


def test_the_sampling_method_of_a_new_project(client: TestClient) -> None:
    made = client.post("/sd_finetune/projects", json={"name": "cat", "checkpoint": TOY, "sampler": "euler"}).json()
    assert [made["settings"][group]["sampler"] for group in ("samples", "class_images")] == ["euler", "euler"]
    refused = client.post("/sd_finetune/projects", json={"name": "cow", "checkpoint": TOY, "sampler": "none"})
    assert "is not a sampling method" in refused.json()["error"]


def test_generating_can_be_ended_at_once(screen: Screen, client: TestClient) -> None:
    assert "nothing to end" in client.post("/sd_finetune/projects/dog/end").json()["error"]
    client.post("/sd_finetune/projects/dog/settings", json=screen.settings(prior__weight=1, output__notes="slow",
        concepts=[{"folder": str(screen.pictures), "instance_prompt": "a", "class_prompt": "b"}]))  # fmt: skip
    client.post("/sd_finetune/projects/dog/class-images/generate")
    job = client.get("/sd_finetune/projects").json()["job"]
    assert job["kind"] == "class images"
    assert set(job["phase"]) == {"name", "done", "total"}
    assert client.post("/sd_finetune/projects/dog/end").status_code == 200
    wait_until(lambda: screen.context.runner.current() is None)


def test_every_route_is_documented(screen: Screen) -> None:
    """As a script's author reads it: what each does, what it takes."""
    for path, methods in make_app(screen.context).openapi()["paths"].items():
        for method, facts in methods.items():
            assert facts["description"].endswith("."), path
            assert facts["tags"], path
            body = facts.get("requestBody")
            if body is not None:
                content = body["content"]["application/json"]
                assert method == "post"
                assert content.get("example", content["schema"].get("example")) is not None, path


def test_a_base_is_judged_before_a_project_is_made(client: TestClient, tmp_path: Path) -> None:
    empty = tmp_path / "empty.safetensors"
    empty.write_bytes(b"")

    def fault(checkpoint: str | None) -> str:
        return client.post("/sd_finetune/bases/check", json={"checkpoint": checkpoint}).json()["fault"]

    assert "empty.safetensors" in fault(str(empty))
    assert "not a checkpoint" in fault("/nowhere.safetensors")
    assert "No checkpoint is loaded" in fault(None)
    assert fault(f' "{TOY_CHECKPOINT}" ') == ""


def test_only_uploads_are_removed(client: TestClient, screen: Screen) -> None:
    own = {"image": "0.png"}
    refused = client.post("/sd_finetune/projects/dog/concepts/1/remove", json=own)
    assert "in a folder of your own" in refused.json()["error"]
    assert (screen.pictures / "0.png").is_file()
    outside = client.post("/sd_finetune/projects/dog/concepts/1/remove", json={"image": "../../dog/model.json"})
    assert outside.status_code == 400
