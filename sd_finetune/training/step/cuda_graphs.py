"""Records what a function launches on the GPU as a CUDA graph, which launches all of it again at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


class Recorder(Protocol):
    """Records functions that read and write the same tensors in each call, and never wait for the device."""

    def warm_up(self, function: Callable[[], T]) -> T:
        """Call the function in the same surroundings as those in which it is recorded next."""
        ...

    def record(self, function: Callable[[], T]) -> Callable[[], T]:
        """The function's work on the device without its work on the CPU; what it returns stands in the same tensors.

        Raises:
            RuntimeError: something in the function cannot be recorded, or there is not enough memory.
        """
        ...

    def random_state(self) -> Tensor:
        """The state of the stream that dropout draws from."""
        ...

    def set_random_state(self, state: Tensor) -> None: ...

    def forget(self) -> None:
        """The memory of functions that were recorded, and of which nothing is kept, is free for others."""
        ...


class CudaRecorder:
    """A `Recorder` of CUDA graphs, which share one pool of memory: they are replayed one after another.

    Nothing else can use the pool, so what has no recording yet, and the optimizer, must find the memory beside it that
    they had before. (Documentation of PyTorch, "CUDA Graphs")
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)
        self._pool = torch.cuda.graph_pool_handle()
        self._pool_bytes = self._needed_beside = 0

    def warm_up(self, function: Callable[[], T]) -> T:
        self._needed_beside = max(self._needed_beside, self._kept_for_use())
        torch.cuda.empty_cache()  # the other stream cannot use what is kept for the usual one
        usual = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(usual)
        with torch.cuda.stream(self._stream):
            result = function()
        usual.wait_stream(self._stream)
        return result

    def record(self, function: Callable[[], T]) -> Callable[[], T]:
        graph = torch.cuda.CUDAGraph()
        torch.cuda.empty_cache()
        before = torch.cuda.memory_reserved(self._device)
        usual = torch.cuda.stream(
            torch.cuda.current_stream(self._device)
        )  # which a capture that fails does not restore
        with usual, torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
            result = function()
        self._pool_bytes += max(0, torch.cuda.memory_reserved(self._device) - before)
        if torch.cuda.mem_get_info(self._device)[0] + self._kept_for_use() < self._needed_beside:
            raise RuntimeError(f"beside their {self._pool_bytes / 2**30:.1f} GB of VRAM too little is left")

        def replay() -> T:
            graph.replay()
            return result

        return replay

    def random_state(self) -> Tensor:
        return torch.cuda.get_rng_state(self._device)

    def set_random_state(self, state: Tensor) -> None:
        torch.cuda.set_rng_state(state, self._device)

    def forget(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()
        self._pool_bytes = 0
        torch.cuda.empty_cache()

    def _kept_for_use(self) -> int:
        """Bytes that PyTorch keeps for tensors which come and go in a step."""
        reserved, allocated = torch.cuda.memory_reserved(self._device), torch.cuda.memory_allocated(self._device)
        return max(0, reserved - allocated - self._pool_bytes)
