from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sd_finetune.data.epoch_order import EpochOrder, steps_per_epoch

counts = st.integers(1, 60)
batch_sizes = st.integers(1, 20)
seeds = st.integers(0, 2**32 - 1)
epochs = st.integers(0, 500)


@settings(deadline=None)
@given(count=counts, batch_size=batch_sizes, seed=seeds, epoch=epochs)
def test_the_batches_of_an_epoch_show_each_example_once(count, batch_size, seed, epoch):
    order = EpochOrder(count, seed, batch_size)
    first = epoch * order.steps_per_epoch
    batches = [order.batch(step) for step in range(first, first + order.steps_per_epoch)]
    assert Counter(index for batch in batches for index in batch) == Counter(range(count))
    assert {len(batch) for batch in batches[:-1]} <= {batch_size}
    assert 1 <= len(batches[-1]) <= batch_size


@pytest.mark.parametrize(
    ("examples", "batch_size", "accumulation", "steps"), [(15, 2, 2, 4), (16, 2, 2, 4), (17, 2, 2, 5), (3, 4, 1, 1)]
)
def test_the_last_step_of_an_epoch_takes_what_is_left(examples, batch_size, accumulation, steps):
    assert steps_per_epoch(examples, batch_size, accumulation) == steps
    assert EpochOrder(examples, 0, batch_size * accumulation).steps_per_epoch == steps


@settings(deadline=None)
@given(count=st.integers(20, 60), seed=seeds, epoch=epochs)
def test_epochs_and_seeds_differ(count, seed, epoch):
    order = EpochOrder(count, seed)
    later = [order.epoch(epoch + ahead) for ahead in range(4)]
    assert len({tuple(indices) for indices in later}) == 4
    assert EpochOrder(count, seed + 1).epoch(epoch) != later[0]


@settings(deadline=None)
@given(count=counts, batch_size=batch_sizes, seed=seeds, step=st.integers(0, 300))
def test_a_resumed_run_goes_on_where_the_first_would_have(count, batch_size, seed, step):
    whole = EpochOrder(count, seed, batch_size)
    for earlier in range(step):
        whole.batch(earlier)
    assert EpochOrder(count, seed, batch_size).batch(step) == whole.batch(step)


@settings(deadline=None)
@given(count=counts, batch_size=batch_sizes, seed=seeds, step=st.integers(0, 100))
def test_position_counts_what_was_shown(count, batch_size, seed, step):
    order = EpochOrder(count, seed, batch_size)
    assert order.position(step) == sum(len(order.batch(earlier)) for earlier in range(step))
    assert order.stream(order.position(step), len(order.batch(step))) == order.batch(step)


@settings(deadline=None)
@given(count=counts, seed=seeds, position=st.integers(0, 500), amount=st.integers(0, 150))
def test_the_stream_joins_epochs_without_a_gap(count, seed, position, amount):
    order = EpochOrder(count, seed)
    endless = [index for epoch in range(-(-(position + amount) // count)) for index in order.epoch(epoch)]
    assert order.stream(position, amount) == endless[position : position + amount]


def test_the_order_is_the_same_in_every_environment():
    order = EpochOrder(8, seed=1234)
    assert order.epoch(0) == [2, 5, 0, 6, 4, 1, 3, 7]


def test_the_caller_may_change_what_it_got():
    order = EpochOrder(8, seed=1)
    wanted = order.epoch(3)
    order.epoch(3).clear()
    order.batch(0).clear()
    assert order.epoch(3) == wanted


@pytest.mark.parametrize(("count", "batch_size"), [(0, 1), (3, 0), (-1, 1)])
def test_nothing_to_show(count, batch_size):
    with pytest.raises(ValueError, match="must be at least 1"):
        EpochOrder(count, 0, batch_size)
    with pytest.raises(ValueError, match="negative"):
        EpochOrder(3, 0).batch(-1)
