"""The demo's trainings, some steps of each: `training.py CNN 50`. Prints the losses.

torch_npu has one operator for the GPT's attention where torch's composite of it takes several: other roundings.
"""

import json
import sys

import digits
import stdlib_gpt
import torch
from learning import train

TOLERANCES = {"CNN": 1e-5, "GPT": 1e-3}
name, steps = sys.argv[1], int(sys.argv[2])
task = {"CNN": digits.cnn, "GPT": stdlib_gpt.task}[name]()
run = train(task, task.model, "npu", steps)
torch.npu.synchronize()
assert steps < 10 or run.losses[-1] < run.losses[0]
print("RESULT", json.dumps({"tolerance": TOLERANCES[name], "values": run.losses}))
