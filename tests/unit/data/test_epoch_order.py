from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sd_finetune.data.epoch_order import EpochOrder, steps_per_epoch

sizes = st.lists(st.sampled_from([(512, 512), (384, 640), (640, 384)]), min_size=1, max_size=60)
batch_sizes = st.integers(1, 20)
accumulations = st.integers(1, 4)
seeds = st.integers(0, 2**32 - 1)
epochs = st.integers(0, 500)


def of_epoch(order: EpochOrder, epoch: int) -> list[list[int]]:
    """All batches."""
    first = epoch * order.steps_per_epoch
    return [batch for step in range(first, first + order.steps_per_epoch) for batch in order.batches(step)]


@settings(deadline=None)
@given(sizes=sizes, batch_size=batch_sizes, accumulation=accumulations, seed=seeds, epoch=epochs)
def test_the_batches_of_an_epoch_show_each_example_once_and_have_one_size(sizes, batch_size, accumulation, seed, epoch):
    batches = of_epoch(EpochOrder(sizes, seed, batch_size, accumulation), epoch)
    assert Counter(index for batch in batches for index in batch) == Counter(range(len(sizes)))
    for batch in batches:
        assert len({sizes[index] for index in batch}) == 1
    for size, count in Counter(sizes).items():  # one batch of what is left, and no other that is not full
        lengths = sorted(len(batch) for batch in batches if sizes[batch[0]] == size)
        assert lengths[1:] == [batch_size] * (len(lengths) - 1)
        assert sum(lengths) == count


@settings(deadline=None)
@given(sizes=sizes, batch_size=batch_sizes, accumulation=accumulations, seed=seeds, epoch=epochs)
def test_a_step_takes_as_many_batches_as_are_accumulated(sizes, batch_size, accumulation, seed, epoch):
    order = EpochOrder(sizes, seed, batch_size, accumulation)
    assert order.steps_per_epoch == steps_per_epoch(sizes, batch_size, accumulation)
    first = epoch * order.steps_per_epoch
    lengths = [len(order.batches(first + step)) for step in range(order.steps_per_epoch)]
    assert lengths[:-1] == [accumulation] * (len(lengths) - 1)
    assert 1 <= lengths[-1] <= accumulation


@pytest.mark.parametrize(
    ("examples", "batch_size", "accumulation", "steps"), [(15, 2, 2, 4), (16, 2, 2, 4), (17, 2, 2, 5), (3, 4, 1, 1)]
)
def test_the_last_step_of_an_epoch_takes_what_is_left(examples, batch_size, accumulation, steps):
    assert steps_per_epoch("s" * examples, batch_size, accumulation) == steps


def test_each_size_has_a_batch_of_what_is_left():
    assert steps_per_epoch("aaaaabb", batch_size=4) == 3
    assert steps_per_epoch("aaaaabb", batch_size=4, accumulation=2) == 2


@settings(deadline=None)
@given(count=st.integers(20, 60), kinds=st.integers(1, 3), seed=seeds, epoch=epochs)
def test_epochs_and_seeds_differ(count, kinds, seed, epoch):
    sizes = [number % kinds for number in range(count)]
    order = EpochOrder(sizes, seed, batch_size=2)
    later = [tuple(map(tuple, of_epoch(order, epoch + ahead))) for ahead in range(4)]
    assert len(set(later)) == 4
    assert of_epoch(EpochOrder(sizes, seed + 1, batch_size=2), epoch) != list(map(list, later[0]))


@settings(deadline=None)
@given(sizes=sizes, batch_size=batch_sizes, accumulation=accumulations, seed=seeds, step=st.integers(0, 100))
def test_a_resumed_run_goes_on_where_the_first_would_have(sizes, batch_size, accumulation, seed, step):
    whole = EpochOrder(sizes, seed, batch_size, accumulation)
    shown = sum(len(batch) for earlier in range(step) for batch in whole.batches(earlier))
    resumed = EpochOrder(sizes, seed, batch_size, accumulation)
    assert resumed.batches(step) == whole.batches(step)
    assert resumed.position(step) == shown


@settings(deadline=None)
@given(sizes=sizes, batch_size=batch_sizes, seed=seeds, position=st.integers(0, 300))
def test_examples_by_their_position_join_epochs_without_a_gap(sizes, batch_size, seed, position):
    order = EpochOrder(sizes, seed, batch_size)
    epochs = range(-(-(position + 1) // len(sizes)))
    endless = [index for epoch in epochs for batch in of_epoch(order, epoch) for index in batch]
    assert [order.at(place) for place in range(position + 1)] == endless[: position + 1]


def test_the_order_is_the_same_in_every_environment():
    assert of_epoch(EpochOrder("s" * 8, seed=1234), 0) == [[2], [5], [0], [6], [4], [1], [3], [7]]
    assert of_epoch(EpochOrder("aaaaabbb", seed=1234, batch_size=2), 0) == [
        [4, 1], [5, 6], [2, 0], [3], [7]
    ]  # fmt: skip


@pytest.mark.parametrize(("count", "batch_size", "accumulation"), [(0, 1, 1), (3, 0, 1), (3, 1, 0)])
def test_nothing_to_show(count, batch_size, accumulation):
    with pytest.raises(ValueError, match="at least 1 each"):
        EpochOrder("s" * count, 0, batch_size, accumulation)
    with pytest.raises(ValueError, match="negative"):
        EpochOrder("sss", 0).batches(-1)
