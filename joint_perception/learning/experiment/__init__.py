# SPDX-License-Identifier: Apache-2.0
"""The paper's experiment in small: one network or two, and what to do where annotations are missing."""

from joint_perception.learning.experiment.config import ExperimentConfig, load_experiment
from joint_perception.learning.experiment.plan import Run, plan
from joint_perception.learning.experiment.results import ExperimentError, Result, read_results
from joint_perception.learning.experiment.schedule import Summary, run_experiment
from joint_perception.learning.experiment.table import make_table

__all__ = [
    "ExperimentConfig",
    "ExperimentError",
    "Result",
    "Run",
    "Summary",
    "load_experiment",
    "make_table",
    "plan",
    "read_results",
    "run_experiment",
]
