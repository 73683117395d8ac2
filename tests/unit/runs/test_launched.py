"""What launchers tell the processes that they start."""

from __future__ import annotations

import pytest

from sd_finetune.errors import UserError
from sd_finetune.runs.launched import refuse_another_number, take_launch, without_launch

TORCHRUN = {
    "RANK": "1",
    "WORLD_SIZE": "2",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2",
    "GROUP_RANK": "0",
    "ROLE_RANK": "1",
    "MASTER_ADDR": "localhost",
    "MASTER_PORT": "45279",
    "TORCHELASTIC_RESTART_COUNT": "1",
    "TORCHELASTIC_USE_AGENT_STORE": "True",
    "ACCELERATE_MIXED_PRECISION": "fp16",
}
"""As torch 2.1 to 2.13 has it, with what accelerate adds."""
OWN = {"PATH": "/bin", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "2,3"}


def test_what_a_launcher_tells_is_taken_out_of_the_environment() -> None:
    environment = {**OWN, **TORCHRUN}
    launch = take_launch(environment)
    assert launch is not None
    assert (launch.number, launch.count, launch.address, launch.port) == (1, 2, "localhost", 45279)
    assert (launch.is_open, launch.attempt) == (True, "1")
    assert environment == OWN == without_launch({**OWN, **TORCHRUN})
    assert launch.variables == TORCHRUN, "so that the worker of the first process can be told the same"
    assert take_launch(environment) is None


@pytest.mark.parametrize(
    "alone",
    [
        {},
        {**TORCHRUN, "RANK": "0", "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"},
        {"ACCELERATE_USE_CPU": "True", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"},  # accelerate launch --cpu
    ],
)
def test_one_process_is_alone(alone: dict[str, str]) -> None:
    assert take_launch(alone) is None
    assert alone == {}


def test_mpi_names_them_otherwise() -> None:
    launch = take_launch({"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_LOCAL_SIZE": "4"})
    assert launch is not None
    assert (launch.number, launch.count, launch.address, launch.port) == (0, 4, "127.0.0.1", 29500)
    assert not launch.is_open, "the first process has to listen"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"LOCAL_WORLD_SIZE": "1"}, "2 processes were launched, 1 of them on this machine"),
        ({"RANK": "2"}, "RANK not which of them"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE = 'two' in the environment is no whole number"),
        ({"MASTER_PORT": ""}, "MASTER_PORT = '' in the environment is no whole number"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        take_launch({**TORCHRUN, **changes})


def test_a_run_on_another_number_of_devices_is_refused() -> None:
    launch = take_launch(dict(TORCHRUN))
    assert launch is not None
    refuse_another_number(2, launch)
    with pytest.raises(UserError, match="3, and 2 processes were launched: launch 3, set it to 2, or"):
        refuse_another_number(3, launch)
