# SPDX-License-Identifier: Apache-2.0
"""Configurations: the shipped ones are right, and errors say what to write instead."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from joint_perception.learning.config_record import public, require_same
from joint_perception.learning.training_config import load_config
from joint_perception.strict_yaml import ConfigError

SHIPPED = Path(__file__).parents[3] / "config" / "training"
GOOD = {
    "steps": 10,
    "network": {"classes": 46},
    "data": [{"dataset": "rooms", "images": 2}, {"dataset": "camvid", "images": 2, "root": "here"}],
    "augmentation": {"size": [64, 64]},
}


def written(tmp_path, changes):
    values = yaml.safe_load(yaml.safe_dump(GOOD))
    for path, value in changes.items():
        *folders, key = path.split(".")
        place = values
        for folder in folders:
            place = place[int(folder)] if folder.isdecimal() else place.setdefault(folder, {})
        place[key] = value
    file = tmp_path / "some.yaml"
    file.write_text(yaml.safe_dump(values))
    return file


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_configurations_are_read(path):
    assert load_config(path).batch >= 1


def test_shipped_configurations_are_there():
    assert {path.stem for path in SHIPPED.glob("*.yaml")} >= {"tiny", "demo"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimiser.learning_rat": 1.0}, r"optimiser has no key 'learning_rat'; did you mean 'learning_rate'\?"),
        ({"data.1.imgaes": 1}, r"data\[1\] has no key 'imgaes'; did you mean 'images'\?"),
        ({"zzz": 1}, r"has no key 'zzz'; choose from steps, network"),
        ({"steps": 1.5}, r"some\.yaml: steps is 1\.5; it must be a whole number"),
        ({"steps": True}, "steps is True; it must be a whole number"),
        ({"channels_last": "ja"}, "channels_last is 'ja'; it must be true or false"),
        ({"optimiser.learning_rate": "fast"}, "learning_rate is 'fast'; it must be a number"),
        ({"optimiser.kind": "adam"}, "kind is 'adam'; choose adamw or sgd"),
        ({"augmentation.size": [64]}, r"size is \[64\]; it must be a list of 2"),
        ({"augmentation.size": 64}, "size is 64; it must be a list"),
        ({"augmentation.hue": 0.7}, "augmentation: augmentation hue is 0.7; it must be from 0 to 0.5"),
        ({"data.0.dataset": "romms"}, r"data\[0\]: unknown data set 'romms'; choose one of camvid"),
        ({"data.0.pseudo": {"labels": "x"}}, "pseudo, key is 'labels'; choose segm or depth or normal"),
        ({"data.0.keep": {"segm": 5.0}}, "keep segm is 5.0; a share is from 0 to 1"),
        ({"data.0.views": 3}, "views is 3 without a cache"),
        ({"data": []}, "data is empty"),
        ({"network": {}}, "network lacks classes; add it"),
        ({"network": 46}, "network is 46; it must be a mapping"),
        ({"optimiser.warm_up": 10}, "warm_up of 10 steps in a training of 10"),
        ({"optimiser.accumulate": 3}, "batch of 4 images cannot be accumulated in 3"),
        ({"average": 1}, "average is 1.0; a decay"),
        ({"loss": {"segm": 0, "depth": 0, "normal": 0}}, "not all zero"),
    ],
)
def test_errors_name_key_value_and_remedy(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        load_config(written(tmp_path, changes))


def test_files_that_are_none(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "absent.yaml")
    (tmp_path / "bad.yaml").write_text("steps: [1")
    with pytest.raises(ConfigError, match="is not YAML"):
        load_config(tmp_path / "bad.yaml")
    (tmp_path / "code.yaml").write_text("!!python/object/apply:os.getcwd []")
    with pytest.raises(ConfigError, match="is not YAML"):
        load_config(tmp_path / "code.yaml")


def test_numbers_as_people_write_them(tmp_path):
    file = written(tmp_path, {"optimiser.learning_rate": 1})
    file.write_text(file.read_text().replace("learning_rate: 1", "learning_rate: 2e-3"))  # a word to YAML 1.1
    assert load_config(file).optimiser.learning_rate == 0.002


def test_roots_on_the_command_line_go_before(tmp_path):
    file = written(tmp_path, {"validation.sets": [{"dataset": "camvid", "root": "here"}]})
    config = load_config(file, {"camvid": "/there"})
    assert config.data[1].root == "/there"
    assert config.validation.sets[0].root == "/there"
    with pytest.raises(ConfigError, match=r"given for kitti; config some\.yaml names camvid, rooms"):
        load_config(file, {"kitti": "/there"})


def test_resumed_training_must_be_the_same_but_for_what_has_no_effect(tmp_path):
    config = load_config(written(tmp_path, {}))
    require_same(replace(config, workers=7, log_every=1), config.to_json())
    changed = replace(config, optimiser=replace(config.optimiser, learning_rate=0.5))
    with pytest.raises(ConfigError, match=r"optimiser\.learning_rate was 0\.002 and is 0\.5"):
        require_same(changed, config.to_json())


def test_what_goes_into_weights_tells_no_folders(tmp_path):
    config = load_config(written(tmp_path, {"data.1.root": "/secret/data", "network.init": "/secret/w.safetensors"}))
    assert "secret" not in str(public(config))
    assert public(config)["network"]["init"] == "w.safetensors"
