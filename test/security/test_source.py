# SPDX-License-Identifier: Apache-2.0
"""Read off the source: nothing unpickles, evaluates, unpacks or talks to the network but where it is meant to."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Who may import what could bring something in, or run it.
ALLOWED_IMPORTS = {
    "pickle": set(),  # the name of its error is all that is needed; see HARMLESS
    "urllib.request": {"joint_perception/network/download.py"},
    "urllib.error": {"joint_perception/network/download.py"},
    "http.client": {"joint_perception/network/download.py"},
    "yaml": {"joint_perception/plain_yaml.py"},
}
# What may be used of a module wherever it is: its errors, and what only writes.
HARMLESS = {"pickle": {"UnpicklingError"}, "yaml": {"safe_dump", "YAMLError"}}
# A TorchScript file is a program by intent: docs/security.md says so, and only one place runs it.
ALLOWED_CALLS = {"torch.jit.load": "joint_perception/engine/graph/session.py"}
FORBIDDEN_IMPORTS = {
    *("cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"),
    *("tarfile", "zipfile", "zipimport", "requests", "httpx", "aiohttp", "urllib3", "ftplib", "telnetlib", "smtplib"),
    *("xmlrpc", "socketserver", "http.server", "code", "ctypes.util"),
}
FORBIDDEN_CALLS = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "shutil.unpack_archive"),
    *("torch.hub.load", "torch.hub.load_state_dict_from_url", "torch.hub.download_url_to_file", "torch.jit.load"),
    *(
        "torch.package.PackageImporter",
        "pickle.load",
        "pickle.loads",
        "np.load_pickle",
        "yaml.load",
        "yaml.unsafe_load",
    ),
    *("yaml.full_load", "yaml.load_all", "pandas.read_pickle", "pd.read_pickle", "np.fromregex"),
}
FORBIDDEN_METHODS = {"extractall", "get_state_dict", "load_url"}
REQUIRED_OPTIONS = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False)}


def sources():
    scripts = [p for p in (ROOT / "scripts").iterdir() if p.is_file() and b"python" in p.read_bytes()[:40]]
    folders = [path for folder in ("joint_perception", "launch") for path in (ROOT / folder).rglob("*.py")]
    return sorted({*folders, *scripts, ROOT / "setup.py"})


def faults(source, name):
    """What is wrong with a source text, one line for each."""
    found = []
    for node in ast.walk(ast.parse(source)):
        for module in imported(node):
            if module in FORBIDDEN_IMPORTS or (module in ALLOWED_IMPORTS and name not in ALLOWED_IMPORTS[module]):
                only = HARMLESS.get(module)
                used = {a.attr for a in ast.walk(ast.parse(source)) if isinstance(a, ast.Attribute)
                        and isinstance(a.value, ast.Name) and a.value.id == module}  # fmt: skip
                if isinstance(node, ast.Import) and only and used <= only:
                    continue
                found.append(f"{name}:{node.lineno}: imports {module}")
        if isinstance(node, ast.Call) and (why := fault_of_call(node, name)):
            found.append(f"{name}:{node.lineno}: calls {why}")
    return found


def fault_of_call(node, name):
    """What is wrong with a call; empty where nothing is."""
    called, options = ast.unparse(node.func), {k.arg: k.value for k in node.keywords}
    if ALLOWED_CALLS.get(called) == name:
        return ""
    if called in FORBIDDEN_CALLS or called.rpartition(".")[2] in FORBIDDEN_METHODS:
        return called
    option, value = REQUIRED_OPTIONS.get(called.replace("numpy.", "np."), ("", None))
    given = options.get(option)
    if option and not (isinstance(given, ast.Constant) and given.value is value):
        return f"{called} without {option}={value}"
    shell = options.get("shell")
    if shell is not None and not (isinstance(shell, ast.Constant) and shell.value is False):
        return f"{called} with a shell"
    return ""


def imported(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def test_the_source_keeps_to_it():
    found = [fault for path in sources() for fault in faults(path.read_text(), str(path.relative_to(ROOT)))]

    assert len(sources()) > 150
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ntorch.load(p)",
        "import torch\ntorch.load(p, weights_only=False)",
        "import torch\ntorch.load(p, weights_only=safe)",
        "import numpy as np\nnp.load(p)",
        "import numpy\nnumpy.load(p, allow_pickle=True)",
        "import pickle\npickle.loads(b)",
        "from pickle import loads",
        "import yaml\nyaml.safe_load(text)",
        "from yaml import load",
        "def f():\n  import zipfile",
        "import urllib.request",
        "from urllib.request import urlopen",
        "from urllib import request",
        "eval(text)",
        "archive.extractall(folder)",
        "import subprocess\nsubprocess.run(text, shell=True)",
        "import torch\ntorch.hub.load_state_dict_from_url(url)",
        "weights.get_state_dict(progress=True)",
    ],
)
def test_the_rules_catch_what_breaks_them(source):
    assert faults(source, "joint_perception/engine/some_module.py")


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ntorch.load(p, map_location='cpu', weights_only=True)",
        "import numpy as np\nnp.load(p, allow_pickle=False)",
        "import pickle\ntry:\n  f()\nexcept pickle.UnpicklingError:\n  pass",
        "import subprocess\nsubprocess.run([a, b])",
        "import yaml\nyaml.safe_dump(a)",
    ],
)
def test_the_rules_let_the_safe_ways_pass(source):
    assert faults(source, "joint_perception/engine/some_module.py") == []
