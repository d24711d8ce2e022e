# SPDX-License-Identifier: Apache-2.0
"""What a contract's YAML may say, and in what words it is refused."""

from __future__ import annotations

import dataclasses
import re
import typing
from pathlib import Path

import pytest
import yaml
from garden_network import CONTRACT

from joint_perception.domains import KITTI, NYUD
from joint_perception.engine.graph import contract as module
from joint_perception.engine.graph.contract import ContractError, embedded_contract, read_contract

ROOT = Path(__file__).parents[2]
OURS = """\
model: network.onnx
input: {mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], size: [640, 192]}
outputs:
  segmentation: {name: segm, kind: logits}
  depth: {name: depth, kind: absolute}
  normals: {name: normal}
domain: nyud_kitti
image_width: 320
temperatures: {kitti: 1.5}
"""


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "network.yaml"
        path.write_text(text)
        return read_contract(path)

    return read


def test_a_contract_of_our_classes(read):
    contract = read(OURS)

    assert contract.input.size == (640, 192)
    assert contract.domain_called(None, 46).num_classes == 46
    assert contract.domain_called("kitti", 46).first_channel == NYUD.num_classes
    assert contract.domain_called("kitti", 46).class_names == KITTI.class_names


def test_a_contract_survives_being_put_into_a_file(read):
    for text in (OURS, CONTRACT):
        contract = read(text)
        again = embedded_contract(contract.to_json(), Path(contract.model))
        assert again == contract


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"input": 3}'])
def test_an_embedded_contract_that_is_none(text):
    with pytest.raises(ContractError, match=r"net\.onnx"):
        embedded_contract(text, Path("net.onnx"))


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("colors: BGR", "colours: BGR", r"network\.yaml': input has no key 'colours'; did you mean 'colors'\?"),
        ("colors: BGR", "colors: GBR", r"input: colors is 'GBR'; choose RGB or BGR"),
        ("divisor: 255", "divisor: 0", r"input: divisor is 0\.0; it must be above zero: 255 for"),
        ("divisor: 255", "divisor: white", r"input: divisor is 'white'; it must be a number"),
        ("divisor: 255", "mean: [0.5, 0.5]", r"input: mean is \[0\.5, 0\.5\]; it must be a list of 3"),
        ("divisor: 255", "std: [1, 0, 1]", r"input: std is \[1\.0, 0\.0, 1\.0\]; each must be above zero"),
        ("divisor: 255", "size: [100, 64]", r"input: size is \[100, 64\].*multiples of 8"),
        ("multiple_of: 8", "multiple_of: 0", r"input: multiple_of is 0"),
        ("kind: probabilities", "kind: scores", r"kind is 'scores'; choose logits or probabilities or labels"),
        ("layout: NHWC}", "confidence: sure}", r"segmentation: confidence is 'sure' but kind is 'probabilities'"),
        ("scale: 0.5", "scale: 0", r"depth: scale is 0\.0"),
        ("domain: garden", "domain: kitti", r"domain is 'kitti', which is one of ours, but classes are listed too"),
        ("[30, 160, 40]", "[30, 160, 400]", r"classes\[1\]: color is \[30, 160, 400\]; give \[r, g, b\]"),
        ("name: grass", "name: water", r"classes name 'water' twice"),
        ("[0.1, 50.0]", "[5, 0.1]", r"depth_range is \[5\.0, 0\.1\]"),
        ("focal_length: 400.0\n", "", r"focal_length is None and image_width is 320; give both, or neither"),
        ("image_width: 320", "image_width: -1", r"image_width is -1"),
        ("model: garden.onnx\n", "", r"lacks model; add it"),
        ("domain: garden", "domain: garden\ntemperatures: {garden: 99}", r"temperatures of 'garden' is 99"),
    ],
)
def test_what_is_wrong_is_named_with_its_key_its_value_and_the_remedy(right, wrong, said, read):
    assert right in CONTRACT

    with pytest.raises(ContractError, match=said):
        read(CONTRACT.replace(right, wrong))


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("nyud_kitti", "nyud_kiti", r"domain is 'nyud_kiti'.*did you mean 'nyud_kitti'"),
        ("nyud_kitti", "garden", r"domain is 'garden'.*nyud, kitti, nyud_kitti\. Or list classes of your own"),
        ("image_width: 320", "focal_length: 400", r"focal_length is 400\.0 but domain 'nyud_kitti'"),
        ("model: network.onnx", "- model", r"network\.yaml is not YAML"),
    ],
)
def test_what_is_wrong_with_classes_of_ours(right, wrong, said, read):
    with pytest.raises(ContractError, match=said):
        read(OURS.replace(right, wrong))


def test_a_contract_that_is_not_there(tmp_path):
    with pytest.raises(ContractError, match=r"gone\.yaml.*No such file"):
        read_contract(tmp_path / "gone.yaml")


def keys(kind, prefix=""):
    for field in dataclasses.fields(kind):
        inner = typing.get_type_hints(kind, vars(module))[field.name]
        options = [inner, *typing.get_args(inner)]
        options += [part for option in options for part in typing.get_args(option)]
        yield prefix + field.name
        for option in options:
            if dataclasses.is_dataclass(option):
                yield from keys(option, f"{prefix}{field.name}.")
                break


def test_the_page_explains_every_key_and_no_other():
    page = (ROOT / "docs" / "export.md").read_text()
    explained = re.findall(r"^\| `([a-z_.]+)` \|", page, re.MULTILINE)

    assert explained == list(keys(module.Contract))


def test_the_contracts_on_the_page_can_be_read(read):
    page = (ROOT / "docs" / "export.md").read_text()
    examples = [text for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "model:" in text]

    assert len(examples) >= 2
    for text in examples:
        assert read(text).model == yaml.safe_load(text)["model"]
