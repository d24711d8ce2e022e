# SPDX-License-Identifier: Apache-2.0
"""An engine that fails, hangs, runs out of memory or loses its device, in the midst of a stream."""

from __future__ import annotations

import time

import cv2
import faulty_node
from fault_bench import HEIGHT, WIDTH
from ros_graph import picture
from std_srvs.srv import Trigger


def reload(bench):
    """~/reload; whether it succeeded, and what it said."""
    answer = bench.graph.call(Trigger, "reload", Trigger.Request())
    return answer.success, answer.message


def complained(bench, diagnostics, level, text):
    bench.graph.wait(
        lambda: any(level == its and text in message for its, message in diagnostics),
        f"{text!r} on /diagnostics",
        node=bench.node,
    )


def test_an_exception_on_one_frame(bench):
    bench.provoke(lambda: bench.graph.send(*bench.frame(fault=faulty_node.RAISE)), "engine_error")
    assert "ZeroDivisionError: as the picture asked" in bench.node.log


def test_no_memory_for_the_frames_of_both_cameras_at_once(bench, diagnostics):
    packed = cv2.imencode(".jpg", picture(HEIGHT, WIDTH))[1].tobytes()
    bench.packed_labels.clear()
    since = len(bench.node.log)

    def backed_off():
        bench.send_packed(packed)
        bench.graph.send(*bench.frame(fault=faulty_node.NO_ROOM_FOR_TWO))
        bench.graph.spin(0.1)
        return "no memory for 2 frames at once" in bench.node.log[since:]

    bench.graph.wait(backed_off, "the batch to be halved", node=bench.node)
    bench.graph.wait(
        lambda: bench.send_packed(packed) or bench.graph.spin(0.1) or bench.packed_labels,
        "the other camera's frames",
        node=bench.node,
    )
    complained(bench, diagnostics, 1, "memory lacks for more than 1 images at once")
    assert reload(bench)[0]


def test_no_memory_for_one_frame_and_then_a_lost_device_go_to_the_cpu(bench, diagnostics):
    for fault, words in (
        (faulty_node.NO_ROOM, "cuda:0 has no memory for one frame"),
        (faulty_node.LOST, "cuda:0 is lost"),
    ):
        diagnostics.clear()
        since = len(bench.node.log)
        bench.graph.exchange(*bench.frame(fault=fault), ("label",), bench.node)  # not even this frame is lost
        assert f"{words} (CUDA" in bench.node.log[since:]
        complained(bench, diagnostics, 1, f"the CPU has taken over: {words}")
        assert reload(bench)[0]  # and back to the GPU


def test_a_hanging_engine_is_reported_restarted_and_its_late_result_is_not_published(bench, diagnostics):
    assert bench.set("watchdog.timeout", 2.0)[0]
    bench.hang(on=True)
    image, info = bench.frame(fault=faulty_node.HANG)
    since = len(bench.node.log)
    bench.graph.wait(
        lambda: (
            bench.graph.send(image, info) or bench.graph.spin(0.3) or "stuck in the stage 'network'" in bench.node.log
        ),
        "the watchdog",
        node=bench.node,
    )
    complained(bench, diagnostics, 2, "the worker was stuck in the stage 'network'")
    assert "restarted with the weights loaded anew" in bench.node.log[since:]
    bench.good()
    bench.hang(on=False)
    end = time.monotonic() + 0.5
    bench.graph.wait(lambda: time.monotonic() > end, "the late thread")
    stamps = [m.header.stamp for m in bench.graph.received["label"]]
    assert image.header.stamp not in stamps
    assert bench.set("watchdog.timeout", 30.0)[0]
    bench.graph.wait(lambda: bench.drops().get("stalled"), "the frame to be counted", node=bench.node)


def test_weights_that_go_bad_under_a_running_node(bench, weights, checkpoints):
    good, other = checkpoints(6).read_bytes(), checkpoints(40).read_bytes()

    def replace(data):
        """As an editor does, and as cp does: the same file, cut and written over."""
        with weights.open("r+b") as file:
            file.truncate(0)
            file.write(data)

    for data, words in ((good[: len(good) // 2], "cannot be read"), (b"", "cannot be read"), (b"PK\3\4", "read")):
        replace(data)
        bench.good()
        succeeded, said = reload(bench)
        assert not succeeded
        assert "the weights stay as they were" in said
        assert words in said
        bench.good()
    weights.unlink()
    succeeded, said = reload(bench)
    assert (succeeded, "no such file" in said) == (False, True)
    weights.write_bytes(other)
    succeeded, said = reload(bench)
    assert succeeded, said  # another domain, and another class map
    bench.good()
    weights.write_bytes(good)
    assert reload(bench)[0]


def test_safetensors_cut_while_they_are_in_use(tmp_path, checkpoints):
    """They are mapped into memory; tensors that stayed in the map would end the process with a bus error."""
    from safetensors.torch import save_file  # noqa: PLC0415

    from joint_perception.network import load_network  # noqa: PLC0415
    from joint_perception.network.checkpoint import load_state_dict  # noqa: PLC0415

    path = tmp_path / "w.safetensors"
    save_file(load_state_dict(checkpoints(6)), path)
    network = load_network(path)
    with path.open("r+b") as file:
        file.truncate(100)
    assert all(bool(tensor.isfinite().all()) for tensor in network.state_dict().values())
