# SPDX-License-Identifier: Apache-2.0
"""The pages for users say what the launch files, the node and its parameters are; needs no `ros2 launch`."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml
from launch_files import LAUNCH, arguments_of

from joint_perception.pipeline.parameter_table import BY_NAME
from joint_perception.ros import composition
from joint_perception.ros.publisher import LABEL_INFO, OTHERS, PREDICTED, TAKEN

ROOT = Path(__file__).parents[2]
STACKS = {  # page to launch file
    "rtabmap": "rtabmap.launch.py",
    "octomap": "octomap.launch.py",
    "nav2": "nav2.launch.py",
    "depth_image_proc": "depth_image_proc.launch.py",
    "node": "perception.launch.py",
}
PAGES = [*sorted(page.name for page in (ROOT / "docs").glob("*.md")), "../README.md"]
TOPICS = {topic for topic, _, _ in (*PREDICTED, *TAKEN, *OTHERS)} | {LABEL_INFO}


def text_of(page):
    return (ROOT / "docs" / page).read_text()


@pytest.mark.parametrize("page", PAGES)
def test_every_launch_command_has_arguments_that_exist(page):
    for command in re.findall(r"ros2 launch joint_perception (.*?)(?:`|\n(?! {4})|\\?$)", text_of(page), re.DOTALL):
        file, *given = command.replace("\\\n", " ").split()
        known = arguments_of(file)
        for argument in (word for word in given if ":=" in word):
            assert argument.partition(":=")[0] in known, f"{page}: {command}"


@pytest.mark.parametrize("page", STACKS)
def test_every_argument_has_its_row_with_its_default(page):
    known = arguments_of(STACKS[page])
    if page != "node":  # what is handed on is there
        known = {name: value for name, value in known.items() if name not in arguments_of("perception.launch.py")}
    rows = {}
    for names, default in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ([^|]*)\|", text_of(f"{page}.md"), re.MULTILINE):
        row, defaults = re.findall(r"\w+", names), [d.strip() for d in default.split(",")]
        rows |= dict(zip(row, defaults * len(row) if len(defaults) == 1 else defaults, strict=True))

    for name, (default, _) in known.items():
        assert name in rows, f"{page}.md has no row for {name}"
        if default and rows[name]:
            assert rows[name] == default, name


def test_compositions_hand_on_whatever_perception_takes():
    perception = arguments_of("perception.launch.py")
    handed_on = {name: (default, text) for name, default, text in (*composition.HANDED_ON, *composition.INPUT)}

    assert handed_on.keys() == perception.keys()
    for name, (default, text) in handed_on.items():
        assert default == perception[name][0]
        assert text == perception[name][1] or name == "namespace"


@pytest.mark.parametrize("page", PAGES)
def test_every_topic_of_the_node_exists(page):
    text = text_of(page)
    named = set(re.findall(r"`~/([a-z_]+)`", text))
    named |= set(
        re.findall(
            r"(?<![\w/.])/joint_perception/([a-z_]+)\b(?![./\w-])", text.replace("/joint_perception/front/", " ")
        )
    )

    services = {"set_enabled", "reload"}
    assert named - TOPICS - services <= {"get_state", "change_state", "set_parameters"}, page


def test_every_topic_of_the_node_is_told():
    section = text_of("node.md").partition("## Topics out")[2].partition("\n## ")[0]

    assert set(re.findall(r"^\| `~/([a-z_]+)` \|", section, re.MULTILINE)) == TOPICS


@pytest.mark.parametrize("page", PAGES)
def test_every_parameter_of_the_node_exists(page):
    """Those with a dot, by their first word; `qos_overrides` and other people's are not in the table."""
    prefixes = {name.partition(".")[0] for name in BY_NAME if "." in name}

    for name in re.findall(r"`((?:[a-z_]+\.)+[a-z_]+)(?:: [^`]*)?`", text_of(page)):
        if name.partition(".")[0] in prefixes and name.rpartition(".")[2] not in ("py", "md", "yaml", "yml", "json"):
            assert name in BY_NAME or f"{name}s" in BY_NAME, f"{page}: {name}"


@pytest.mark.parametrize("page", PAGES)
def test_what_there_is_to_paste_can_be_read(page):
    for kind, block in re.findall(r"```(yaml|python)\n(.*?)```", text_of(page), re.DOTALL):
        if kind == "yaml":
            yaml.safe_load(block)
        else:
            ast.parse(block)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    here = ROOT / "docs" / page
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text_of(page)):
        if "://" not in target:
            assert (here.parent / target).exists(), target


def test_each_stack_has_its_page_and_the_readme_leads_to_it():
    table, readme = text_of("composition.md"), text_of("../README.md")

    for file in LAUNCH:
        assert file in table or file == "demo.launch.py"
    for page in ("rviz", "rtabmap", "octomap", "nav2", "depth_image_proc", "bags"):
        assert f"({page}.md)" in table
        assert f"(docs/{page}.md)" in readme
