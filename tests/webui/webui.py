"""A real WebUI as a process of its own, talked to over HTTP."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sd_finetune.demo.install_toy import write_text_model
from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.families.ldm.sizes import SIZE_EMBEDDING, SIZE_IDS, TextEncoderSizes
from sd_finetune.families.sd1.family import FAMILY
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.worker_process import noted_worker
from tests.toy import DEEP_SDXL, SDXL, make_checkpoint
from tests.webui.kinds import A1111, PICTURE, Kind

REPO = Path(__file__).parents[2]
PROBE = Path(__file__).parent / "probe"
SHIPPED = ("scripts", "javascript", "sd_finetune", "requirements", "install.py", "metadata.ini", "style.css")
START_SECONDS = 900
ANSWER_SECONDS = 900  # the WebUI answers after a whole training, too


@dataclass
class WebUI:
    """One that runs. `data` is its data directory; everything it and the tests write is in there."""

    root: Path
    data: Path
    port: int
    kind: Kind = A1111
    process: subprocess.Popen[bytes] | None = None
    packages_before: str = ""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def log(self) -> Path:
        return self.data / "webui.log"

    @property
    def checkpoints(self) -> Path:
        return self.data / "models" / "Stable-diffusion"

    @property
    def checkpoint(self) -> Path:
        """The one that it was started with."""
        return self.checkpoints / self.kind.checkpoint

    @property
    def embeddings(self) -> Path:
        return self.data / self.kind.embeddings

    @property
    def loras(self) -> Path:
        return self.data / "models" / "Lora"

    def start(self, *flags: str, hashing: bool = False, quiet: bool = True) -> None:
        """Start it and wait until it has loaded the first of its checkpoints.

        Args:
            hashing: compute the hashes of checkpoints, which takes a while in each start and test.
            quiet: no progress on its console.
        """
        self.packages_before = self.packages_before or self.packages()
        self._install()
        flags = (*flags, *([] if hashing else ["--no-hashing"]))
        flags = (*flags, *(["--disable-console-progressbars"] if quiet else []))
        places = ["--data-dir", str(self.data), "--port", str(self.port)]
        places += ["--gradio-allowed-path", str(self.root)]  # its own scripts, beside another data directory
        command = [self.python, "launch.py", *self.kind.flags.split(), *places, *flags]
        logged = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.root, env=self._environment(), stdout=log, stderr=log, start_new_session=True
            )
        self._wait(logged)
        self.post("/sdapi/v1/options", dict(self.kind.options))

    @property
    def python(self) -> str:
        return str(self.kind.python(self.root))

    def packages(self) -> str:
        """What `pip freeze` says."""
        command = [self.python, "-m", "pip", "freeze", "--disable-pip-version-check"]
        return subprocess.run(command, env=self._environment(), check=True, capture_output=True, text=True).stdout

    def versions(self) -> dict[str, str]:
        """Of Python and of the packages that differ most between WebUIs; "–" for what it lacks."""
        script = "import json, platform, importlib.metadata as m\nf = {'Python': platform.python_version()}\n"
        script += "for d in m.distributions(): f[d.metadata['Name']] = d.version\nprint(json.dumps(f))"
        command = [self.python, "-c", script]
        done = subprocess.run(command, env=self._environment(), check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
        return {name: found.get(name, "–") for name in ("Python", "torch", "gradio", "transformers", "diffusers")}

    def _environment(self) -> dict[str, str]:
        environment = {
            **os.environ,
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_OFFLINE": "1",
            "GRADIO_ANALYTICS_ENABLED": "0",
        }
        for name in ("PYTHONPATH", "VIRTUAL_ENV", "COMMANDLINE_ARGS"):
            environment.pop(name, None)
        return environment

    def _install(self) -> None:
        """What the WebUI's start does where it prepares its environment."""
        install = self.data / "extensions" / "sd-finetune" / "install.py"
        subprocess.run([self.python, str(install), "packages"], env=self._environment(), check=True)

    def _wait(self, logged: int) -> None:
        # Asked over HTTP before it says so, it cannot add its own routes any more and ends.
        self._wait_for(lambda: b"Startup time: " in self.log.read_bytes()[logged:])
        self._wait_for(self._listens)  # without a page it says so before
        if self.kind.probe:
            self._wait_for(lambda: self.get("/test/ready")["ready"])

    def _listens(self) -> bool:
        with socket.socket() as caller:
            return caller.connect_ex(("127.0.0.1", self.port)) == 0

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        assert self.process is not None
        end = time.monotonic() + START_SECONDS
        while not condition():
            alive = self.process.poll() is None and time.monotonic() < end
            assert alive, f"the WebUI did not start: {self.log.read_text(errors='replace')[-3000:]}"
            time.sleep(0.3)

    def end(self) -> None:
        """Kill it; workers outlive it."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def stop(self) -> None:
        """End it and all that it started."""
        self.end()
        for note in self.data.glob("sd_finetune/models/*/*/*/worker.json"):
            worker = noted_worker(RunFolder(note.parent))
            if worker:
                worker.kill()

    def get(self, path: str) -> Any:
        return self._answer(urllib.request.Request(f"http://127.0.0.1:{self.port}{path}"))

    def post(self, path: str, content: Any = None) -> Any:
        body = json.dumps({} if content is None else content).encode()
        headers = {"Content-Type": "application/json"}
        return self._answer(urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers))

    def _answer(self, request: urllib.request.Request) -> Any:
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{request.full_url}: {error.code} {error.read()[:2000]!r}") from error

    def select(self, checkpoint: str) -> None:
        """Have it generate with that checkpoint next, also from its page."""
        names = ("sd_model_checkpoint", *self.kind.remembers)
        self.post("/sdapi/v1/options", dict.fromkeys(names, checkpoint))

    def draw(self, prompt: str, **changes: Any) -> np.ndarray:
        """The picture of txt2img, uint8, (height, width, 3)."""
        asked = {**PICTURE, **self.kind.picture, "prompt": prompt, **changes}
        answer = self.post("/sdapi/v1/txt2img", asked)
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(answer["images"][0]))).convert("RGB"))


def place_other(folder: Path) -> Path:
    """Put a checkpoint of other sizes than the toy's, called "own", into a folder; its file."""
    toy = read_checkpoint(TOY_CHECKPOINT).architecture
    text_model = folder / "own-text-model"
    sizes = {
        "unet": replace(toy.unet, context_dim=64),
        "text_encoder": replace(toy.text_encoder, hidden_size=64),
        "text_model": str(text_model),
    }
    architecture = replace(toy, **sizes)
    write_text_model(text_model, architecture.text_encoder)
    file = folder / "own.safetensors"
    file.with_suffix(".yaml").write_text(FAMILY.to_yaml(architecture))
    return make_checkpoint(file, **vars(architecture))


def place_sdxl(folder: Path, name: str = "small-xl", **differences: Any) -> Path:
    """Put an SDXL of random weights into a folder, with sizes that the WebUI can load; its file.

    OpenCLIP registers no text encoder smaller than that of ViT-S-32-alt.
    """
    text_model = folder / f"{name}-text-model"
    text_encoder_2 = TextEncoderSizes(
        hidden_size=256,
        intermediate_size=1024,
        num_hidden_layers=10,
        num_attention_heads=4,
        projection_dim=256,
        hidden_act="gelu",
    )
    sizes = {"context_dim": SDXL.text_encoder.hidden_size + 256, "adm_in_channels": 256 + SIZE_IDS * SIZE_EMBEDDING}
    architecture = replace(
        SDXL,
        unet=replace(DEEP_SDXL["unet"], **sizes),
        text_encoder_2=text_encoder_2,
        text_model=str(text_model),
        open_clip_model="ViT-S-32-alt",
        **differences,
    )
    write_text_model(text_model, architecture.text_encoder)
    return make_checkpoint(folder / f"{name}.safetensors", family="sdxl", **vars(architecture))


def make_data_folder(folder: Path, kind: Kind = A1111) -> None:
    """A data directory with our extension as a person has it, and, where it works, the probe to look inside."""
    extension = folder / "extensions" / "sd-finetune"
    extension.mkdir(parents=True)
    for name in SHIPPED:
        if (REPO / name).is_dir():
            shutil.copytree(REPO / name, extension / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif (REPO / name).exists():
            shutil.copy(REPO / name, extension / name)
    if kind.probe:  # by its name loaded after ours, of which it imports
        shutil.copytree(PROBE, folder / "extensions" / "test-probe", ignore=shutil.ignore_patterns("__pycache__"))
    # Packages are installed once for all tests, where a person has them in this folder itself.
    (REPO / "packages").mkdir(exist_ok=True)
    (extension / "packages").symlink_to(REPO / "packages")
    for name in ("Stable-diffusion", "Lora", "hypernetworks"):
        (folder / "models" / name).mkdir(parents=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
