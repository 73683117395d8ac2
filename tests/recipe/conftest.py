from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.toy import Toy, forget_accelerator, make_toy, read_tokenizer_once


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toy]:
    with read_tokenizer_once():
        yield make_toy(tmp_path_factory.mktemp("toy"))


@pytest.fixture(autouse=True)
def _fresh_accelerator() -> Iterator[None]:
    yield
    forget_accelerator()
