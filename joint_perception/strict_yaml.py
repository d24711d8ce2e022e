# SPDX-License-Identifier: Apache-2.0
"""YAML into dataclasses, by their types; errors name the key, the value and what would be right."""

from __future__ import annotations

import dataclasses
import difflib
import types
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from joint_perception.plain_yaml import YamlError, load_yaml

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")


class ConfigError(ValueError):
    """A configuration with a key or a value that is wrong."""


def read_yaml(path: Path) -> Any:
    """Read a YAML file of plain values.

    Raises:
        ConfigError: The file is not there, no YAML, or above the limits of `plain_yaml`.
    """
    try:
        return load_yaml(path)
    except OSError as error:
        raise ConfigError(f"config {str(path)!r} cannot be read ({error.strerror}); check the path") from error
    except YamlError as error:
        raise ConfigError(f"config {error}") from error


def build(kind: type[T], value: Any, where: str) -> T:
    """Make an object of a dataclass from what the YAML said.

    Args:
        kind: A dataclass of numbers, words, tuples, dicts of these, and such dataclasses.
        value: Of `read_yaml`.
        where: What errors call it.

    Raises:
        ConfigError: An unknown or missing key, a value of another type, or one that the dataclass refuses.
    """
    if not isinstance(value, dict):
        raise ConfigError(f"{where} is {value!r}; it must be a mapping with the keys {', '.join(_fields(kind))}")
    known, hints = _fields(kind), get_type_hints(kind)
    for key in value:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(known)}"
            raise ConfigError(f"{where} has no key {key!r}; {hint}")
    if missing := [name for name, field in known.items() if _is_required(field) and name not in value]:
        raise ConfigError(f"{where} lacks {', '.join(missing)}; add it")
    arguments = {key: _convert(hints[key], given, f"{where}: {key}") for key, given in value.items()}
    try:
        return kind(**arguments)
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error


def _fields(kind: Any) -> dict[str, dataclasses.Field[Any]]:
    return {field.name: field for field in dataclasses.fields(kind) if field.init}


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _convert(kind: Any, value: Any, where: str) -> Any:  # noqa: PLR0911 (one return a type)
    origin, options = get_origin(kind), get_args(kind)
    if origin in (types.UnionType, Union):
        if value is None and type(None) in options:
            return None
        (kind,) = (option for option in options if option is not type(None))
        return _convert(kind, value, where)
    if origin is Literal:
        if value not in options or isinstance(value, bool):
            raise ConfigError(f"{where} is {value!r}; choose {' or '.join(map(str, options))}")
        return value
    if origin is tuple:
        return _convert_list(options, value, where)
    if origin is dict:
        if not isinstance(value, dict):
            raise ConfigError(f"{where} is {value!r}; it must be a mapping")
        return {
            _convert(options[0], key, f"{where}, key"): _convert(options[1], v, f"{where}: {key}")
            for key, v in value.items()
        }
    if dataclasses.is_dataclass(kind):
        return build(kind, value, where)  # type: ignore[arg-type]
    return _convert_plain(kind, value, where)


def _convert_list(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ConfigError(f"{where} is {value!r}; it must be a list")
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(value)
    if len(kinds) != len(value):
        raise ConfigError(f"{where} is {value!r}; it must be a list of {len(kinds)}")
    return tuple(_convert(kind, v, f"{where}[{i}]") for i, (kind, v) in enumerate(zip(kinds, value, strict=True)))


def _convert_plain(kind: type, value: Any, where: str) -> Any:
    wanted = {int: "a whole number", float: "a number", str: "a word", bool: "true or false"}[kind]
    if kind is float and isinstance(value, (int, str)) and not isinstance(value, bool):
        try:
            return float(value)  # 1e-3 is a word to YAML 1.1, which wants 1.0e-3
        except ValueError:
            pass
    elif isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise ConfigError(f"{where} is {value!r}; it must be {wanted}")
