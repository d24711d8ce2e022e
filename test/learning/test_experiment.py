# SPDX-License-Identifier: Apache-2.0
"""The experiment on a handful of tiny images: what each arm learns from, from whom, and that nothing is done twice."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml

from joint_perception.domains import KITTI
from joint_perception.engine import Engine, Frame
from joint_perception.learning.checkpointing import load_state
from joint_perception.learning.datasets import DatasetError, open_dataset
from joint_perception.learning.experiment import (
    ExperimentError,
    Run,
    load_experiment,
    plan,
    read_results,
    run_experiment,
)
from joint_perception.learning.experiment.perform import Place, perform
from joint_perception.learning.experiment.plan import training_of
from joint_perception.learning.experiment.prepare import prepare
from joint_perception.learning.experiment.results import write_results
from joint_perception.learning.stream import open_stream
from joint_perception.network import load_network
from joint_perception.strict_yaml import ConfigError

SHIPPED = Path(__file__).parents[2] / "config" / "training" / "experiment"
TINY = {
    "steps": 2,
    "shares": [0.25, 1.0],
    "seeds": [3],
    "size": [48, 64],
    "worlds": {
        "rooms": {"classes": 40, "data": [{"dataset": "rooms", "images": 2, "limit": 8, "views": 4}]},
        "streets": {
            "classes": 6,
            "depth_bias": 10.0,
            "data": [
                {"dataset": "streets", "images": 1, "limit": 8, "views": 4},
                {"dataset": "camvid", "images": 1},
            ],
            "loss": {"depth_error": "relative", "normal": 0},
        },
    },
    "augmentation": {"size": [32, 64], "scale": [0.8, 1.25]},
    "test_images": 2,
    "log_every": 1,
}


@pytest.fixture(scope="module", autouse=True)
def single_thread():
    """As the tests share the cores; and one thread adds up in one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def camvid(tmp_path_factory, layouts):
    root = tmp_path_factory.mktemp("camvid")
    layouts.write_camvid(root, "train", 8, (96, 128))
    return layouts.write_camvid(root, "test", 2, (96, 128))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Writes such a YAML file; all of them have one cache."""
    folder = tmp_path_factory.mktemp("experiment")

    def write(**changes):
        path = folder / f"{len(list(folder.glob('*.yaml')))}.yaml"
        path.write_text(yaml.safe_dump({**TINY, "cache": str(folder / "cache"), **changes}))
        return path

    return write


@pytest.fixture(scope="module")
def config(written):
    return load_experiment(written())


@pytest.fixture(scope="module")
def small(config, camvid):
    return prepare(config, {"camvid": camvid}, jobs=1, progress=False, stopping=lambda: False)


@pytest.fixture(scope="module")
def finished(config, camvid, small, tmp_path_factory):
    """Every run of both worlds, done one after the other: their place and what they reached."""
    place = Place(tmp_path_factory.mktemp("out"), {"camvid": camvid}, small, "cpu")
    return place, {run: perform(config, run, place, 1000) for run in plan(config)}


def training(config, place, run):
    return training_of(config, run, place.small, place.folder(run) / "pseudo")


def test_plan_is_every_training_once_and_teachers_first(config):
    runs = plan(replace(config, seeds=(0, 1)))
    names = [run.name for run in runs]
    both = [
        "segm-25pct",
        "depth",
        "complete-25pct",
        "masked-25pct",
        "distilled-25pct",
        "segm-100pct",
        "complete-100pct",
    ]
    assert sorted(names) == sorted(
        [f"rooms-{name}-seed{seed}" for name in both for seed in (0, 1)]
        + [f"streets-{name}-seed{seed}" for name in [*both, "masked-100pct", "distilled-100pct"] for seed in (0, 1)]
    )
    assert [run.seed for run in runs] == sorted(run.seed for run in runs)  # a table is whole as soon as it can be
    assert all(runs.index(teacher) < runs.index(run) for run in runs for teacher in run.teachers)
    taught = next(run for run in runs if run.name == "streets-distilled-25pct-seed1")
    assert [teacher.name for teacher in taught.teachers] == ["streets-segm-25pct-seed1", "streets-depth-seed1"]


def test_trainings_differ_in_data_and_losses_only(config, finished):
    place, _ = finished
    for world in config.worlds:
        trainings = [training(config, place, run) for run in plan(config) if run.world == world]
        assert {t.batch for t in trainings} == {2}
        common = {(t.steps, t.network, t.augmentation, t.optimiser, t.seed, t.average, t.precision) for t in trainings}
        assert len(common) == 1
        assert {t.loss.depth_error for t in trainings} == {config.worlds[world].loss.depth_error}


def annotated(config, place, run):
    """By data set: the samples that are used, those with labels, those with depth."""
    found = {}
    for source in open_stream(training(config, place, run)).sources:
        samples = {int(i): source[i] for i in source.indices}
        found[source.dataset.name] = (
            set(samples),
            {i for i, sample in samples.items() if sample.labels is not None},
            {i for i, sample in samples.items() if sample.depth is not None},
        )
    return found


def test_each_arm_learns_from_what_it_may(config, finished):
    place, _ = finished
    found = {
        run.arm: annotated(config, place, run) for run in plan(config) if run.world == "streets" and run.share != 1
    }
    everything, nothing = set(range(8)), set()
    streets, camvid = (found["masked"][name][1] for name in ("streets", "camvid"))
    assert len(streets) == len(camvid) == 2  # a quarter of eight
    assert found["masked"] == {"streets": (everything, streets, everything), "camvid": (everything, camvid, nothing)}
    assert found["segm"] == {"streets": (streets, streets, streets), "camvid": (camvid, camvid, nothing)}
    assert found["depth"] == {"streets": (everything, nothing, everything)}
    assert found["complete"] == {"streets": (streets, streets, streets)}
    assert found["distilled"] == dict.fromkeys(("streets", "camvid"), (everything,) * 3)


def test_networks_of_one_task_learn_nothing_of_the_other(config, finished):
    place, _ = finished
    losses = {run.arm: training(config, place, run).loss for run in plan(config) if run.world == "streets"}
    assert {arm: (bool(loss.segm), bool(loss.depth), loss.normal) for arm, loss in losses.items()} == {
        "segm": (True, False, 0),
        "depth": (False, True, 0),
        **dict.fromkeys(("complete", "masked", "distilled"), (True, True, 0)),
    }
    start = load_network(place.folder(Run("rooms", "complete", 1.0, 3)) / "last.safetensors").state_dict()
    heads = {
        arm: load_network(place.folder(Run("rooms", arm, share, 3)) / "last.safetensors").state_dict()
        for arm, share in (("segm", 1.0), ("depth", None))
    }
    # The bias of a head that has a loss moves in the first step already.
    assert heads["segm"]["depth.bias"].item() == pytest.approx(3.0) != pytest.approx(start["depth.bias"].item())
    assert heads["depth"]["segm.bias"].eq(0).all()
    assert heads["segm"]["segm.bias"].ne(0).any()


def test_teachers_say_what_is_missing_and_only_that(config, finished):
    place, _ = finished
    run = Run("streets", "distilled", 0.25, 3)
    sources = {source.dataset.name: source for source in open_stream(training(config, place, run)).sources}
    labelled = annotated(config, place, replace(run, arm="masked"))["streets"][1]
    says, measures = (
        Engine(load_network(place.folder(teacher) / "last.safetensors"), KITTI, "cpu") for teacher in run.teachers
    )
    for index in range(8):
        own, street = sources["streets"].dataset[index], sources["streets"][index]
        expected = own.labels if index in labelled else says.predict([Frame(own.image)])[0].labels
        np.testing.assert_array_equal(street.labels, expected)
        near = own.depth <= 80
        np.testing.assert_array_equal(street.depth[near], own.depth[near])
        photo = sources["camvid"][index]
        sky = says.predict([Frame(photo.image)])[0].labels == KITTI.class_names.index("sky")
        np.testing.assert_array_equal(np.isnan(photo.depth), sky)
        expected = measures.predict([Frame(photo.image)])[0].depth
        np.testing.assert_allclose(photo.depth[~sky], expected[~sky], atol=0.01)


def test_figures_are_of_what_was_trained(finished):
    _, results = finished
    labels, depth = {"miou", "pixel_accuracy"}, {"abs_rel", "rmse", "delta1"}
    keys = {run.name: set(result.metrics) for run, result in results.items()}
    assert keys["rooms-segm-25pct-seed3"] == {f"rooms/{key}" for key in labels}
    assert keys["rooms-depth-seed3"] == {f"rooms/{key}" for key in depth}
    assert keys["streets-segm-100pct-seed3"] == {f"{name}/{key}" for name in ("streets", "camvid") for key in labels}
    joint = {f"streets/{key}" for key in labels | depth} | {f"camvid/{key}" for key in labels}
    assert keys["streets-masked-25pct-seed3"] == keys["streets-distilled-100pct-seed3"] == joint
    assert all(np.isfinite(value) for result in results.values() for value in result.metrics.values())
    protocol = results[Run("streets", "distilled", 0.25, 3)].protocol
    assert "the first 2 of 200 images" in protocol["streets"]
    assert "0 < t <= 80 m" in protocol["streets"]
    assert "image to 64x48 for the network" in protocol["camvid"]


def test_interrupted_run_reaches_the_same(config, finished, tmp_path):
    place, results = finished
    run = Run("streets", "distilled", 1.0, 3)
    other = replace(place, out=tmp_path)
    for teacher in run.teachers:
        shutil.copytree(place.folder(teacher), other.folder(teacher))
    assert perform(config, run, other, 0) is None
    assert load_state(other.folder(run) / "state.pt")["step"] == 1
    assert perform(config, run, other, 1000).metrics == results[run].metrics
    shutil.rmtree(other.folder(run.teachers[0]))
    with pytest.raises(ExperimentError, match=r"streets-segm-100pct-seed3/last\.safetensors, which is gone"):
        perform(config, run, other, 1000)


def test_prepared_images_are_there_once(config, small, camvid):
    files = {path: path.stat().st_mtime_ns for path in Path(config.cache).rglob("*") if path.is_file()}
    worlds = [path.relative_to(config.cache).parts[0].split("-")[0] for path in files]
    # Two worlds of four views and two test images; eight photographs with their labels.
    assert {name: worlds.count(name) for name in set(worlds)} == {"rooms": 10, "streets": 10, "camvid": 16}
    assert prepare(config, {"camvid": camvid}, jobs=1, progress=False, stopping=lambda: False) == small
    assert files == {path: path.stat().st_mtime_ns for path in Path(config.cache).rglob("*") if path.is_file()}
    copy, original = open_dataset("camvid", small["camvid"])[3], open_dataset("camvid", camvid)[3]
    assert copy.labels.shape == (48, 64)
    np.testing.assert_array_equal(copy.image, cv2.resize(original.image, (64, 48), interpolation=cv2.INTER_AREA))
    assert all(
        label in original.labels[2 * y : 2 * y + 2, 2 * x : 2 * x + 2] for (y, x), label in np.ndenumerate(copy.labels)
    )


def test_preparing_stops_and_says_what_is_not_there(config, camvid):
    assert prepare(config, {"camvid": camvid}, jobs=1, progress=False, stopping=lambda: True) is None
    with pytest.raises(DatasetError, match="SegNet"):
        prepare(config, {}, jobs=1, progress=False, stopping=lambda: False)


def test_what_is_done_is_not_repeated_and_the_rest_follows(config, finished, tmp_path):
    """In processes of their own, from the results of all runs but two."""
    place, results = finished
    rooms = replace(config, worlds={"rooms": config.worlds["rooms"]})
    missing = [Run("rooms", "masked", 0.25, 3), Run("rooms", "distilled", 0.25, 3)]
    kept = {run: result for run, result in results.items() if run.world == "rooms" and run not in missing}
    for run in missing[1].teachers:
        shutil.copytree(place.folder(run), tmp_path / "runs" / run.name)
    write_results(tmp_path / "results.jsonl", kept.values())
    stopped = run_experiment(rooms, tmp_path, {}, device="cpu", max_minutes=0, progress=False)
    assert (stopped.done, stopped.total, stopped.signal) == (5, 7, None)
    summary = run_experiment(rooms, tmp_path, {}, jobs=2, device="cpu", progress=False)
    assert (summary.done, summary.total, summary.signal) == (7, 7, None)
    found = read_results(tmp_path / "results.jsonl")
    assert {run: found[run] for run in kept} == kept
    for run in missing:  # the number of threads is another
        assert found[run].metrics == pytest.approx(results[run].metrics, abs=0.05)
        assert not (tmp_path / "runs" / run.name / "state.pt").exists()
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == sorted(
        run.name for run in {*missing, *missing[1].teachers}
    )
    assert "| (d) one, all images, hard distillation | " in (tmp_path / "table.md").read_text()


def test_ctrl_c_leaves_a_state_that_goes_on(config, small, tmp_path):
    rooms = replace(config, worlds={"rooms": config.worlds["rooms"]}, steps=10_000)
    log = tmp_path / "runs" / "rooms-segm-25pct-seed3" / "log.jsonl"
    before = signal.getsignal(signal.SIGINT)

    def interrupt():
        end = time.monotonic() + 60
        while not (log.is_file() and log.read_text()) and time.monotonic() < end:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    summary = run_experiment(rooms, tmp_path, {}, device="cpu", progress=False)
    thread.join()
    assert (summary.done, summary.total, summary.signal) == (0, 7, signal.SIGINT)
    assert 1 <= load_state(log.parent / "state.pt")["step"] < 10_000
    assert signal.getsignal(signal.SIGINT) == before
    assert not multiprocessing.active_children()


def test_results_of_another_configuration_are_refused(config, finished, tmp_path):
    _, results = finished
    write_results(tmp_path / "results.jsonl", results.values())
    with pytest.raises(
        ExperimentError, match="rooms-segm-25pct-seed3 with another configuration: steps was 2 and is 9"
    ):
        run_experiment(replace(config, steps=9), tmp_path, {}, progress=False)
    with (tmp_path / "results.jsonl").open("a") as file:
        file.write('{"world": "rooms"\n')
    with pytest.raises(ExperimentError, match=r"results\.jsonl, line 17 is no result .*; delete the line"):
        run_experiment(config, tmp_path, {}, progress=False)


def test_run_that_fails_is_named(config, finished, tmp_path):
    _, results = finished
    rooms = replace(config, worlds={"rooms": config.worlds["rooms"]})
    run = Run("rooms", "masked", 0.25, 3)
    write_results(tmp_path / "results.jsonl", [result for other, result in results.items() if other != run])
    folder = tmp_path / "runs" / run.name
    folder.mkdir(parents=True)
    (folder / "state.pt").write_bytes(b"nonsense")
    with pytest.raises(ExperimentError, match=r"rooms-masked-25pct-seed3 failed: .*state\.pt cannot be read"):
        run_experiment(rooms, tmp_path, {}, device="cpu", progress=False)


def test_results_tell_no_folders(finished, tmp_path):
    place, results = finished
    text = "".join(result.to_json() for result in results.values())
    assert str(place.out.parent) not in text
    assert os.fspath(Path.home()) not in text
    assert json.loads(results[Run("rooms", "depth", None, 3)].to_json())["share"] is None


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_configurations_are_experiments(path):
    config = load_experiment(path)
    assert {"rooms", "streets"} == set(config.worlds)
    for run in plan(config):
        assert training_of(config, run, {"camvid": Path("camvid")}, Path("pseudo")).steps == config.steps


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shares": [0.2, 0.1]}, r"shares are \[0\.2, 0\.1\]; they rise"),
        ({"shares": [5.0]}, r"shares are \[5\.0\]"),
        ({"seeds": [1, 1]}, r"seeds are \[1, 1\]; each must be there once"),
        (
            {"worlds": {"x": {"classes": 6, "data": [{"dataset": "camvid", "images": 1}]}}},
            "first data set must have depth",
        ),
        ({"worlds": {"x": {"classes": 6, "data": [{"dataset": "rooms", "images": 1}]}}}, "rooms has no limit"),
        ({"worlds": {}}, "must not be empty"),
        ({"stepss": 1}, "no key 'stepss'; did you mean 'steps'"),
    ],
)
def test_errors_name_key_value_and_remedy(written, changes, message):
    with pytest.raises(ConfigError, match=message):
        load_experiment(written(**changes))


def test_worlds_and_seeds_can_be_chosen(written):
    config = load_experiment(written(), ["streets"], [7, 8])
    assert (list(config.worlds), config.seeds) == (["streets"], (7, 8))
    with pytest.raises(ConfigError, match="has no world 'street'; choose from rooms, streets"):
        load_experiment(written(), ["street"])
