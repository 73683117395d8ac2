"""Latents on the disk: an image is encoded once for all runs, and RAM does not grow with the number of images.

A file is named by all that its content depends on, the content of the image and the VAE's weights among it, and has a
checksum. So there is nothing to invalidate: what has changed has another name, and what is damaged is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from ..errors import UserError
from ..runs.atomic import replacing
from .latents import Moments, View
from .seen_before import FileState

VERSION = 1
"""Of the way from an image file to what the VAE encodes; another one where pixels become other ones."""
_VALUES, _CHECKSUM = "moments", "sha256"


class MomentsOnDisk:
    """The moments of all views, in files of a folder."""

    def __init__(
        self,
        encoder: Moments,
        views: Iterable[View],
        folder: Path,
        made_with: str,
        progress: Callable[[int, int], None] | None = None,
        share: Callable[[Sequence[View]], Sequence[View]] = lambda views: views,
    ) -> None:
        """Encodes every distinct view that has no whole file. made_with: the `fingerprint` of the encoder.

        progress: called with (views done, views in all) after each. share: those that are to be encoded here, where
        other processes encode the others.

        Raises:
            UserError: an image cannot be encoded, or a file cannot be written.
        """
        self._encoder, self._folder, self._made_with = encoder, folder, made_with
        self._names: dict[View, str] = {}
        distinct, known = list(dict.fromkeys(views)), dict[Path, tuple[FileState, str]]()
        own = frozenset(share(distinct))
        for done, view in enumerate(distinct, start=1):
            if view.image not in known:
                known[view.image] = content_of(view.image)
            state, content = known[view.image]
            self._names[view] = self._name(view, content)
            if view in own:
                self._complete(view, state)
            if progress:
                progress(done, len(distinct))

    def __call__(self, view: View) -> Tensor:
        """Moments as in `Moments`; encoded anew where a file has gone since. KeyError: a view that was not given."""
        moments = _read(self._file(view))
        return self._encoder(view) if moments is None else moments

    def _complete(self, view: View, state: FileState) -> None:
        file = self._file(view)
        if _read(file) is not None:
            with suppress(OSError):
                os.utime(file)  # it is in use
            return
        moments = self._encoder(view)
        if _changed(view.image, state):
            raise UserError(f"{view.image} was changed while it was encoded: start the run again.")
        with replacing(file, must_last=False) as unfinished:
            unfinished.write_bytes(save({_VALUES: moments, _CHECKSUM: _checksum(moments)}))

    def _name(self, view: View, content: str) -> str:
        facts = [VERSION, content, view.crop.box, view.crop.size, view.flipped, self._made_with]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def _file(self, view: View) -> Path:
        name = self._names[view]
        return self._folder / name[:2] / f"{name[2:32]}.safetensors"


def fingerprint(vae: nn.Module) -> str:
    """Another one for each VAE with other weights or another precision, and on another kind of device."""
    return _digest(sorted(vae.state_dict().items())).hex()


def content_of(image: Path) -> tuple[FileState, str]:
    """The state of an image file, and the hash of what is in it. Raises UserError if it cannot be read."""
    try:
        return FileState.of(image), hashlib.sha256(image.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(
            f"{image} cannot be read ({error.strerror}): put it back, or start again without it."
        ) from error


def _changed(image: Path, state: FileState) -> bool:
    try:
        return FileState.of(image) != state
    except OSError:
        return True


def _read(file: Path) -> Tensor | None:
    """The moments in a file; None where it is missing or damaged."""
    try:
        tensors = load(file.read_bytes())
        moments = tensors[_VALUES]
        return moments if torch.equal(_checksum(moments), tensors[_CHECKSUM]) else None
    except Exception:  # safetensors has its own for each kind of damage
        return None


def _checksum(moments: Tensor) -> Tensor:
    return torch.tensor(list(_digest([("", moments)])), dtype=torch.uint8)


def _digest(tensors: Iterable[tuple[str, Tensor]]) -> bytes:
    """A hash of names, kinds and values."""
    digest = hashlib.sha256()
    for name, tensor in tensors:
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} {tensor.device.type}\n".encode())
        plain = tensor.detach().cpu().contiguous().flatten()
        digest.update(cast("Any", plain.view(torch.uint8)).numpy())
    return digest.digest()
