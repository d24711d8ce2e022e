# SPDX-License-Identifier: Apache-2.0
"""Sets of several cameras' images: one contract for message_filters and for what stands in for it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from joint_perception.ros import optional, sync
from joint_perception.ros.cameras import NewestOfEach, NewestSet

HAS_MESSAGE_FILTERS = optional.present("message_filters")
OFFICIAL = pytest.param(
    sync._MessageFiltersSynchronizer,
    marks=pytest.mark.skipif(not HAS_MESSAGE_FILTERS, reason="message_filters is not installed"),
    id="message_filters",
)


def item(milliseconds: int, name: str = ""):
    stamp = Time(sec=milliseconds // 1000, nanosec=milliseconds % 1000 * 1_000_000)
    return SimpleNamespace(header=Header(stamp=stamp), name=name or milliseconds)


@pytest.fixture(params=[pytest.param(sync.ApproximateSynchronizer, id="floor"), OFFICIAL])
def kind(request):
    return request.param


@pytest.fixture
def joined(kind):
    """Feed (camera, milliseconds) one after the other; the sets that come out, in milliseconds."""

    def join(cameras, feed, queue_size=10, slop=0.05):
        sets = []
        synchronizer = kind(cameras, queue_size, slop, lambda items: sets.append(tuple(i.name for i in items)))
        for camera, milliseconds in feed:
            synchronizer.add(camera, item(milliseconds))
        return sets

    return join


def test_one_of_each_within_the_slop(joined):
    assert joined(3, [(0, 1000), (2, 1030), (1, 1010)]) == [(1000, 1010, 1030)]


def test_none_where_one_is_farther_than_the_slop(joined):
    assert joined(2, [(0, 1000), (1, 1051)]) == []


def test_the_slop_itself_is_left_out(joined):
    assert joined(2, [(0, 1000), (1, 1050)]) == []
    assert joined(2, [(0, 1000), (1, 1049)]) == [(1000, 1049)]


def test_the_nearest_is_taken(joined):
    assert joined(2, [(0, 1000), (0, 1040), (1, 1035)]) == [(1040, 1035)]


def test_nothing_is_in_two_sets(joined):
    assert joined(2, [(0, 1000), (1, 1001), (1, 1002), (0, 1003)]) == [(1000, 1001), (1003, 1002)]


def test_a_steady_stream_with_jitter(joined):
    feed = [pair for i in range(20) for pair in ((0, 1000 + 100 * i), (1, 1000 + 100 * i + i % 7))]
    assert joined(2, feed) == [(1000 + 100 * i, 1000 + 100 * i + i % 7) for i in range(20)]


def test_a_camera_that_is_late_finds_those_that_wait_and_not_those_that_had_to_go(joined):
    feed = [(0, 1000 + 100 * i) for i in range(6)]
    assert joined(2, [*feed, (1, 1300), (1, 1000)], queue_size=3) == [(1300, 1300)]


def test_a_stamp_before_1970_is_in_no_set(joined):
    assert joined(2, [(0, -1000), (1, -1000), (0, 5), (1, 5)]) == [(5, 5)]


def test_the_official_one_where_it_is():
    made = sync.make_synchronizer(2, 10, 0.1, lambda _: None)
    expected = sync._MessageFiltersSynchronizer if HAS_MESSAGE_FILTERS else sync.ApproximateSynchronizer
    assert type(made) is expected


class Counts:
    """What a camera's statistics are told."""

    def __init__(self):
        self.causes = []

    def dropped(self, cause, _reason):
        self.causes.append(cause)


def test_newest_of_each_replaces_what_waits_and_counts_it():
    counts, calls = (Counts(), Counts()), []
    newest = NewestOfEach(counts, lambda: calls.append(1))
    newest.add(0, item(1000))
    newest.add(1, item(1000))
    newest.add(0, item(1100))
    assert {index: pair.name for index, pair in newest.take().items()} == {0: 1100, 1: 1000}
    assert newest.take() == {}
    assert (counts[0].causes, counts[1].causes, len(calls)) == (["superseded"], [], 3)


def test_every_image_is_in_a_set_or_counted():
    counts = (Counts(), Counts())
    newest = NewestSet(counts, lambda: None, queue_size=4, slop=0.02)
    taken = 0
    for i in range(50):
        newest.add(0, item(1000 + 100 * i))
        if i % 5 == 0:
            newest.add(1, item(1000 + 100 * i + 10))
        taken += len(newest.take())
    assert taken == 20, "ten sets of two"
    assert counts[1].causes == []
    waiting = 4
    assert counts[0].causes == ["unsynchronized"] * (50 - 10 - waiting)


def test_time_that_goes_back_does_not_block_the_sets():
    counts = (Counts(), Counts())
    newest = NewestSet(counts, lambda: None, queue_size=3, slop=0.02)
    for i in range(3):
        newest.add(0, item(90_000 + 100 * i))
    for i in range(3):
        newest.add(0, item(1000 + 100 * i))
        newest.add(1, item(1000 + 100 * i))
        assert {pair.name for pair in newest.take().values()} == {1000 + 100 * i}
    assert counts[0].causes == ["unsynchronized"] * 3
