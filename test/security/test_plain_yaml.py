# SPDX-License-Identifier: Apache-2.0
"""YAML that builds objects, nests without end or stands for more than memory holds is refused before it is built."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joint_perception import plain_yaml
from joint_perception.domains import DomainError
from joint_perception.pipeline.groupings import load_grouping
from joint_perception.plain_yaml import YamlError, load_yaml

LAUGHS = "a: &a [ha, ha]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefghij", "bcdefghijk", strict=True)
)


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "some.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_what_people_write_is_read(written):
    assert load_yaml(written("a: [1, 2.5, x]\nb: {c: null, d: true}\n")) == {
        "a": [1, 2.5, "x"],
        "b": {"c": None, "d": True},
    }
    assert load_yaml(written("")) is None
    assert load_yaml(written("a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}")) == {
        "a": {"b": 1},
        "c": {"b": 1},
        "d": {"b": 1, "e": 2},
    }


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "config").rglob("*.yaml")), ids=lambda p: p.stem)
def test_every_file_of_ours_is_within_the_limits(path):
    assert isinstance(load_yaml(path), dict)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("!!python/object/apply:os.getcwd []", "plain values"),
        ("!!python/name:os.system", "plain values"),
        ("!ros/object x", "plain values"),
        ("[" * 100_000, "nested more than 32 deep"),
        ("a: " + "{b: " * 40 + "1" + "}" * 40, "nested more than 32 deep"),
        ("- " * 500 + "1", "nested more than 32 deep"),
        (LAUGHS, r"inside of what has an anchor itself"),
        ("&a [*a]", "inside of what has an anchor itself"),
        ("a: &a [" + "1," * 2000 + "]\nb: [" + "*a," * 100 + "]", "stands for more than 100000 values"),
        ("[" + "1," * 100_001 + "]", "stands for more than 100000 values"),
        ("a: 2001-13-45", "plain values"),
        ("a: *nowhere", "plain values"),
        ("a: [1", "plain values"),
        ("a: \x00", "plain values"),
        (b"\xff\xfe\xff", "plain values"),
        ("#" * ((1 << 20) + 1), "more than 1048576 bytes"),
    ],
)
def test_anything_else_is_refused(written, text, told):
    with pytest.raises(YamlError, match=told) as caught:
        load_yaml(written(text))
    assert "some.yaml" in str(caught.value)
    assert len(str(caught.value)) < 2000


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(YamlError, match="is not a file"):
            load_yaml(path)
    with pytest.raises(FileNotFoundError):
        load_yaml(tmp_path / "nowhere.yaml")


def test_a_parameter_that_names_such_a_file_says_so(written):
    with pytest.raises(DomainError, match=r"grouping .*some\.yaml uses \*"):
        load_grouping(str(written(LAUGHS)))


@given(text=st.text(alphabet="[]{}:,-&*a! \n\"'?|>#%@1", max_size=60))
def test_whatever_is_in_it_is_read_or_refused(text, tmp_path_factory):
    path = tmp_path_factory.mktemp("any") / "any.yaml"
    path.write_text(text)
    try:
        content = load_yaml(path)
    except YamlError:
        return
    assert len(repr(content)) <= 60 * plain_yaml.MAX_VALUES
