# SPDX-License-Identifier: Apache-2.0
"""Where the engine's time goes: all of it is there once."""

from __future__ import annotations

import pytest
from formula_checkpoint import formula_image

from joint_perception.benchmark.profile import OTHERS, WAITING, _table, profiled
from joint_perception.benchmark.table import tables
from joint_perception.engine import Frame, load_engine


def test_the_parts_of_a_frame_make_up_the_frame(checkpoints):
    engine = load_engine(str(checkpoints(6)), device="cpu", runtime="torch")

    rows = profiled(engine, Frame(formula_image(96, 128)))

    assert sum(row["share"] for row in rows.values()) == pytest.approx(1, abs=0.02)
    # 52 convolutions in the encoder; torch's name for what does them on a CPU differs between its versions.
    assert any("conv" in name and row["calls"] > 40 for name, row in rows.items())
    spent = [row["ms"] for name, row in rows.items() if name not in (OTHERS, WAITING)]
    assert spent == sorted(spent, reverse=True)
    (table,) = tables({"profile": {"128x96": {"torch_fp32": rows}}})
    assert "torch_fp32" in table.title
    assert [row[0] for row in table.rows] == list(rows)


def test_what_is_short_is_summed_and_what_is_nothing_is_waiting():
    parts = [(float(20 - i), 1.0, f"kernel {i}") for i in range(14)]

    rows = _table(parts, wall=200.0)

    assert len(rows) == 12 + 2
    assert rows[OTHERS] == {"ms": 8.0 + 7.0, "calls": 2.0, "share": 0.075}
    assert rows[WAITING]["ms"] == pytest.approx(200 - sum(part[0] for part in parts))
    assert _table([(3.0, 1.0, "one")], wall=2.0)[WAITING]["ms"] == 0
