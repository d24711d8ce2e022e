# SPDX-License-Identifier: Apache-2.0
"""Parts find one another by stamp, in whatever order they come, and those left alone are counted."""

from __future__ import annotations

from joint_perception.demo.stamp_join import StampJoin


def test_parts_of_a_stamp_come_together_in_any_order():
    join = StampJoin(("a", "b", "c"))

    assert join.add("b", 1, "b1") is None
    assert join.add("a", 2, "a2") is None
    assert join.add("c", 1, "c1") is None
    assert join.add("c", 2, "c2") is None
    assert join.add("b", 2, "b2") == {"a": "a2", "b": "b2", "c": "c2"}
    assert join.add("a", 1, "a1") == {"a": "a1", "b": "b1", "c": "c1"}
    assert [join.left_over(part, at_the_end=True) for part in "abc"] == [0, 0, 0]


def test_what_a_later_stamp_has_overtaken_is_left_over_and_in_the_end_all_that_waits():
    join = StampJoin(("truth", "label"))
    for stamp in (1, 2, 3):
        join.add("truth", stamp, None)
    join.add("label", 7, None)
    assert join.left_over("truth") == 0, "the label may still come"

    assert join.add("label", 2, None) is not None

    assert join.left_over("truth") == 1
    assert join.left_over("truth", at_the_end=True) == 2
    assert join.left_over("label", at_the_end=True) == 1


def test_memory_is_bounded_and_what_it_gives_up_is_counted():
    join = StampJoin(("truth", "label"), waiting=4)
    for stamp in range(100):
        join.add("truth", stamp, bytes(10))

    assert join.left_over("truth") == 96
    assert join.left_over("truth", at_the_end=True) == 100
    assert join.add("label", 0, None) is None, "given up"
    assert join.add("label", 99, None) is not None
