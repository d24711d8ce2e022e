# SPDX-License-Identifier: Apache-2.0
"""The table of an experiment from results written by hand."""

from __future__ import annotations

import pytest

from joint_perception.learning.augment import Augmentation
from joint_perception.learning.experiment import ExperimentConfig, Result, Run, make_table
from joint_perception.learning.experiment.config import SetConfig, WorldConfig
from joint_perception.learning.experiment.plan import ARMS
from joint_perception.learning.experiment.table import ROWS

CONFIG = ExperimentConfig(
    steps=5,
    worlds={
        "rooms": WorldConfig(40, (SetConfig("rooms", 2, limit=8),)),
        "streets": WorldConfig(6, (SetConfig("streets", 1, limit=8), SetConfig("camvid", 1))),
    },
    augmentation=Augmentation((32, 32)),
    shares=(0.05, 1.0),
)
# mIoU of each seed.
ROOMS = {"segm": (0.10, 0.12, 0.11), "complete": (0.05, 0.06, 0.04), "masked": (0.10, 0.13, 0.12),
         "distilled": (0.20, 0.21, 0.22)}  # fmt: skip


def result(world, arm, share, seed, **metrics):
    return Result(
        run=Run(world, arm, share, seed),
        metrics={key.replace("_", "/", 1): value for key, value in metrics.items()},
        steps=5,
        seconds=90,
        measuring_seconds=10.0,
        protocol={world: f"{world} as it was measured"},
        settings={},
        machine={},
    )


def tabled(*results):
    return make_table(CONFIG, {r.run: r for r in results})


@pytest.fixture
def rooms():
    """The table of rooms at 5 %, three seeds, depth twice as good with one network."""
    results = [
        result("rooms", arm, 0.05, seed, rooms_miou=values[seed], **({} if arm == "segm" else {
            "rooms_abs_rel": 0.1 + 0.01 * seed, "rooms_rmse": 0.5}))
        for arm, values in ROOMS.items() for seed in range(3)
    ]  # fmt: skip
    results += [
        result("rooms", "depth", None, seed, rooms_abs_rel=0.2 + 0.01 * seed, rooms_rmse=0.5) for seed in range(3)
    ]
    return tabled(*results)


def row(table, start):
    (line,) = (line for line in table.splitlines() if line.startswith(f"| {start}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_rows_have_mean_and_spread_and_separate_networks_share_one(rooms):
    table = rooms.split("###")[1]
    assert "rooms (n = 3)" in table
    assert row(table, "labels of")[1:4] == ["5 %: mIoU %", "5 %: abs rel", "5 %: RMSE m"]
    assert row(table, "(a)")[1:4] == ["11.0 (10.0 to 12.0)", "0.210 (0.200 to 0.220)", "0.50 (0.50 to 0.50)"]
    assert row(table, "(d)")[1:4] == ["21.0 (20.0 to 22.0)", "0.110 (0.100 to 0.120)", "0.50 (0.50 to 0.50)"]
    # At 100 % nothing was trained yet but the depth network, which has no use for labels.
    assert row(table, "(a)")[4:] == ["-", "0.210 (0.200 to 0.220)", "0.50 (0.50 to 0.50)"]
    assert row(table, "(c)")[4:] == ["-", "-", "-"]


def test_differences_are_above_zero_where_the_first_is_better(rooms):
    names = [name.strip() for name in row(rooms.split("### Differences")[1], "| figure")]
    miou = dict(zip(names, row(rooms, "rooms 5 % | mIoU"), strict=True))
    assert miou["(d) against (a)"] == "+10.0, 3/3, beyond"
    assert miou["(c) against (a)"] == "+0.7, 2/3, within"  # 0, +1 and +1 point; both spreads are wider
    assert miou["(c) against (b)"] == "+6.7, 3/3, beyond"
    abs_rel = dict(zip(names, row(rooms, "rooms 5 % | abs rel"), strict=True))
    assert abs_rel["(d) against (a)"] == "+0.100, 3/3, beyond"  # less is better
    assert abs_rel["(d) against (c)"] == "+0.000, 0/3, within"


def test_what_holds_is_counted(rooms):
    (line,) = (line for line in rooms.splitlines() if "(d) against (a), " in line)
    # At 100 % (d) was not trained.
    assert "3 figures: better beyond the spread in 2 (rooms 5 % mIoU % +10.0; rooms 5 % abs rel +0.100)" in line
    assert "within the spread in 1" in line
    assert "worse" not in line
    (line,) = (line for line in rooms.splitlines() if "(d) against (c), " in line)
    assert "better beyond the spread in 1" in line


def test_one_training_stands_for_three_where_nothing_is_missing():
    figures = {"rooms_miou": 0.3, "rooms_abs_rel": 0.1, "rooms_rmse": 0.4}
    table = tabled(result("rooms", "complete", 1.0, 0, **figures), result("rooms", "segm", 1.0, 0, rooms_miou=0.25))
    for letter in "bcd":
        assert row(table.split("###")[1], f"({letter})")[4:] == ["30.0", "0.100", "0.40"]
    assert "At 100 % nothing is missing in rooms: (b), (c) and (d) are one training." in table
    assert "nothing is missing in streets" not in table
    assert row(table, "rooms 100 % | mIoU")[2:] == ["+5.0, 1/1, one seed", "-", "-", "-", "+5.0, 1/1, one seed"]
    assert "ahead with one seed in 1." in table
    assert "beyond the spread in" not in table


def test_photographs_have_a_column_without_depth():
    table = tabled(result("streets", "masked", 0.05, 0, streets_miou=0.5, streets_rmse=7.0, camvid_miou=0.4))
    titles = row(table.split("### streets")[1], "labels of")
    assert titles[1:5] == ["5 %: mIoU %", "5 %: abs rel", "5 %: RMSE m", "5 %: camvid mIoU %"]
    assert row(table.split("### streets")[1], "(c)")[1:5] == ["50.0", "-", "7.00", "40.0"]


def test_fewer_seeds_are_said(rooms):
    table = tabled(
        *(result("rooms", "masked", 0.05, seed, rooms_miou=0.1) for seed in range(3)),
        result("rooms", "distilled", 0.05, 1, rooms_miou=0.2),
    )
    assert row(table.split("###")[1], "(d)")[1] == "20.0, n = 1"
    assert row(table, "rooms 5 % | mIoU")[3] == "+10.0, 1/1, one seed"


def test_protocol_and_cost_stand_below(rooms):
    assert "- rooms as it was measured\n" in rooms
    assert "- 15 trainings of 5 steps, 100 s each with measuring\n" in rooms


def test_empty_table_is_a_table():
    assert "### rooms (n = 0)" in tabled()


def test_every_arm_has_its_row():
    assert {arm for _, *arms in ROWS.values() for arm in arms} == set(ARMS)
