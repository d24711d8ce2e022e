# SPDX-License-Identifier: Apache-2.0
"""How recorded images are perceived: the node's parameters, from its YAML files and from options."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joint_perception.pipeline.errors import ParameterError
from joint_perception.pipeline.groupings import load_grouping
from joint_perception.pipeline.parameter_table import BY_NAME, PARAMETERS
from joint_perception.pipeline.share import share_folder
from joint_perception.plain_yaml import YamlError, load_yaml, parse_yaml

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from joint_perception.engine import Engine


class ConfigurationError(ValueError):
    """A configuration that is not there or is none, or options that say too little."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say how images are perceived."""
    group = parser.add_argument_group("perception")
    group.add_argument("--config", help="the node's: nyud, kitti, nyud_kitti, demo, or a parameter YAML file")
    group.add_argument("--weights", help="named weights or checkpoint file, in place of the configuration's")
    group.add_argument("--domain", help="what the labels mean, in place of the configuration's")
    group.add_argument("--device", help="auto, cpu, cuda or cuda:N (default: auto)")
    group.add_argument(
        "--runtime", help="torch, openvino, onnxruntime, tensorrt or auto, the fastest of them (default: torch)"
    )
    group.add_argument("--precision", help="fp32, fp16 or bf16 (default: fp32)")
    group.add_argument(
        "--param",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the node (docs/parameters.md), such as depth.encoding=16UC1; again for each",
    )


def settings_from(options: argparse.Namespace) -> dict[str, Any]:
    """The value of each parameter of the node: its default, the configuration's, the options' own.

    Raises:
        ConfigurationError: There is no such file, it is no parameter file, or no weights are named.
        ParameterError: A parameter does not exist, or has a value it cannot have.
        DomainError: A grouping cannot be read.
    """
    given: dict[str, Any] = dict(_read(options.config)) if options.config else {}
    for text in options.param:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigurationError(f"--param is {text!r}; write NAME=VALUE")
        given[name] = parse_yaml(value, f"--param {name}")
    names = ("weights", "domain", "device", "runtime", "precision")
    given |= {name: value for name in names if (value := getattr(options, name))}
    from joint_perception.engine.graph.contract import is_graph  # noqa: PLC0415 (torch: not for --help)

    # The same on every machine and in every run; the node's own default is auto.
    given.setdefault("runtime", "auto" if is_graph(Path(str(given.get("weights", "")))) else "torch")
    settings = checked(given)
    if not settings["weights"]:
        raise ConfigurationError("no weights are named; give --weights or --config, such as --config demo")
    return settings


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """The value of each parameter, those given in place of the defaults.

    Raises:
        ParameterError: A parameter does not exist, or has a value it cannot have.
        DomainError: A grouping cannot be read.
    """
    for name in given:
        if name not in BY_NAME:
            close = difflib.get_close_matches(name, BY_NAME, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ParameterError(f"parameter {name!r} does not exist{hint}")
    settings = {spec.name: spec.check(given.get(spec.name, spec.default)) for spec in PARAMETERS}
    if settings["grouping"]:
        load_grouping(settings["grouping"])
    if (settings["network.width"] == 0) != (settings["network.height"] == 0):
        raise ParameterError("parameters 'network.width' and 'network.height' are set both, or left both 0")
    return settings


def load(settings: Mapping[str, Any]) -> Engine:
    """The engine that these parameters ask for.

    Raises:
        WeightsError, CheckpointError, DomainError, EngineError: Named after what is wrong.
    """
    from joint_perception.engine import load_engine  # noqa: PLC0415 (torch, a second: not for --help)

    width, height = settings["network.width"], settings["network.height"]
    size = (height, width) if width else None
    return load_engine(
        settings["weights"], settings["domain"], settings["device"], size, settings["runtime"], settings["precision"]
    )


def named_runtime(settings: dict[str, Any]) -> dict[str, Any]:
    """The same settings with the runtime that `auto` finds on this machine, so that later runs take it, too."""
    if settings["runtime"] != "auto":
        return settings
    return settings | {"runtime": load(settings).choice.runtime}


def _read(name_or_path: str) -> Iterator[tuple[str, Any]]:
    folder = share_folder("config")
    path = folder / f"{name_or_path}.yaml"
    if not path.is_file():
        path = Path(name_or_path).expanduser()
    try:
        content = load_yaml(path)
    except OSError as error:
        names = ", ".join(sorted(file.stem for file in folder.glob("*.yaml")))
        raise ConfigurationError(f"configuration {name_or_path!r} is neither one of {names} nor a file") from error
    except YamlError as error:
        raise ConfigurationError(f"configuration {error}") from error
    nodes = content.values() if isinstance(content, dict) else ()
    tables = [node["ros__parameters"] for node in nodes if isinstance(node, dict) and "ros__parameters" in node]
    if not tables or not all(isinstance(table, dict) for table in tables):
        raise ConfigurationError(f"configuration {path} is no parameter file: it has no ros__parameters")
    for table in tables:
        yield from _flat(table, "")


def _flat(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
