# SPDX-License-Identifier: Apache-2.0
"""Nothing asks the network for anything unless `weights fetch` was called: seen by an audit hook of the interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

# Runs verbs one after the other; every attempt to reach another machine is noted and forbidden.
PROGRAM = """
import contextlib, io, json, sys
asked = []

def hook(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "urllib.Request"):
        asked.append(event)
        raise OSError("no network here")

sys.addaudithook(hook)
from joint_perception.cli import main
told = []
for words in json.loads(sys.argv[1]):
    asked.clear()
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = main(words)
    told.append([status, list(asked), said.getvalue()])
print(json.dumps(told))
"""
VERBS = {
    "infer": "infer image.png --weights demo --out out --device cpu",
    "infer what is absent": "infer image.png --weights kitti --out out --device cpu",
    "list": "weights list",
    "verify": "weights verify",
    "evaluate": "evaluate --dataset camvid --weights demo",
    "fetch": "weights fetch kitti",
}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """(exit status, network events, what was said) of each verb, all run in one process."""
    folder = tmp_path_factory.mktemp("offline")
    cv2.imwrite(str(folder / "image.png"), np.full((64, 96, 3), 90, np.uint8))
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), "TORCH_HOME": str(folder / "torch")}
    command = [sys.executable, "-c", PROGRAM, json.dumps([words.split() for words in VERBS.values()])]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment, timeout=110)
    assert ran.returncode == 0, ran.stderr
    results = dict(zip(VERBS, json.loads(ran.stdout.splitlines()[-1]), strict=True))
    results["files"] = sorted(path.name for path in (folder / "out").iterdir())
    return results


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "fetch"])
def test_no_other_verb_asks(done, verb):
    _, asked, said = done[verb]

    assert asked == [], said


def test_images_are_read_without_it(done):
    status, _, said = done["infer"]

    assert status == 0, said
    assert done["files"]


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        ("infer what is absent", "weights fetch kitti"),
        ("list", "not here"),
        ("evaluate", "no folder was given"),
    ],
)
def test_what_is_not_here_is_asked_of_the_user(done, verb, told):
    assert told in done[verb][2]


def test_weights_fetch_asks_and_the_hook_sees_it(done):
    status, asked, said = done["fetch"]

    assert status == 1
    assert asked
    assert "could not be downloaded from https://" in said
