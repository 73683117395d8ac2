"""Whether RAM ran out, by what torch, Python and the system say of it."""

from __future__ import annotations

import errno

_ALLOCATOR = ("DefaultCPUAllocator", "not enough memory", "can't allocate memory", "std::bad_alloc")
"""In what torch says."""


def is_out_of_ram(error: BaseException) -> bool:
    """Whether that is what the error is about."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _ALLOCATOR)
    )
