# SPDX-License-Identifier: Apache-2.0
"""What users and managers do to a node: transitions and services in any order, parameters by the hundred."""

from __future__ import annotations

import random

from fault_bench import WIDTH
from fault_effort import LONG, cases
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool, Trigger

from joint_perception.pipeline.parameter_table import PARAMETERS

TRANSITIONS = {
    ("unconfigured", "configure"): "inactive",
    ("inactive", "activate"): "active",
    ("active", "deactivate"): "inactive",
    ("inactive", "cleanup"): "unconfigured",
}


def machine_for(bench):  # noqa: C901 (a list of rules)
    """The states a node may be in, and what users do; the model is `TRANSITIONS`."""

    class Lifecycle(RuleBasedStateMachine):
        def __init__(self):
            super().__init__()
            self.state = bench.graph.state()
            self.enabled = True
            self._set_enabled(on=True)

        def _set_enabled(self, *, on):
            assert bench.graph.call(SetBool, "set_enabled", SetBool.Request(data=on)).success
            self.enabled = on

        @rule(transition=st.sampled_from(["configure", "activate", "deactivate", "cleanup", "destroy", ""]))
        def transition(self, transition):
            wanted = TRANSITIONS.get((self.state, transition))
            assert bench.graph.change_state(transition) == (wanted is not None)
            self.state = wanted or self.state

        @rule(on=st.booleans())
        def switch(self, on):
            self._set_enabled(on=on)

        @rule()
        def reload(self):
            answer = bench.graph.call(Trigger, "reload", Trigger.Request())
            assert answer.success == (self.state != "unconfigured"), answer.message

        @rule(encoding=st.sampled_from(["32FC1", "16UC1", "8UC1", 7]))
        def live_parameter(self, encoding):
            assert bench.set("depth.encoding", encoding)[0] == (encoding in ("32FC1", "16UC1"))

        @rule()
        def parameter_of_configure(self):
            assert bench.set("network.width", WIDTH)[0] == (self.state == "unconfigured")

        @rule()
        def frame(self):
            bench.graph.send(*bench.frame())

        @precondition(lambda self: self.state == "active" and self.enabled)
        @rule()
        def good_frame(self):
            bench.begin()
            bench.good()

        @invariant()
        def is_where_the_model_is(self):
            assert bench.node.process.poll() is None
            assert bench.graph.state() == self.state

    return Lifecycle


def test_transitions_and_services_in_any_order(bench):
    settings = cases(2, 60)
    try:
        run_state_machine_as_test(machine_for(bench), settings=type(settings)(settings, stateful_step_count=8))
    finally:
        bench.set("depth.encoding", "32FC1")
        bench.graph.call(SetBool, "set_enabled", SetBool.Request(data=True))
        for transition in ("configure", "activate"):
            bench.graph.change_state(transition)
        assert bench.graph.state() == "active"
        bench.begin()


VALUES = (True, -1, 0, 1, 2**40, -1.5, 0.5, 1e300, float("nan"), float("inf"), "", "auto", "\N{SNOWMAN}" * 1000)


def test_a_storm_of_parameters(bench):
    """From several clients at once, valid and not, while frames come; what was taken is what holds."""
    draw = random.Random(6)
    names = [spec.name for spec in PARAMETERS]
    names += [f"front.{name}" for name in names] + ["no.such", "front.no_such", "use_sim_time"]
    lists = ([], ["sky"], ["no such class"], [""])
    clients = [bench.graph.node.create_client(SetParameters, "/joint_perception/set_parameters") for _ in range(3)]
    answered = taken = 0
    try:
        for round_ in range(200 if LONG else 8):
            pending = []
            for client in clients:
                name = names[: len(PARAMETERS)]
                chosen = [
                    Parameter(draw.choice(names if draw.random() < 0.7 else name), value=draw.choice((*VALUES, *lists)))
                    for _ in range(12)
                ]
                messages = [p.to_parameter_msg() for p in chosen if p.name != "use_sim_time"]
                pending.append(client.call_async(SetParameters.Request(parameters=messages)))
            bench.graph.send(*bench.frame(round_))
            bench.graph.wait(lambda pending=pending: all(f.done() for f in pending), "answers", node=bench.node)
            for future in pending:
                for result in future.result().results:
                    answered += 1
                    taken += result.successful
                    assert result.successful or result.reason, "a refusal without a reason"
        assert answered > 200
        assert 0 < taken < answered
        assert bench.node.process.poll() is None, bench.node.log
    finally:
        for client in clients:
            bench.graph.node.destroy_client(client)
        restore(bench)


def restore(bench):
    """The defaults again, and the camera's own values as they were."""
    given = {"depth.focal_correction": "off", "device": "cpu", "pairing.queue_size": 3}
    for spec in PARAMETERS:
        if spec.live:
            value = given.get(spec.name, spec.default)
            assert bench.set(spec.name, value)[0], spec.name
            if spec.per_camera:
                assert bench.set(f"front.{spec.name}", value)[0], spec.name
