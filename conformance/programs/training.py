"""The demo's trainings, some steps of each: `training.py CNN 50`. Prints the losses."""

import json
import sys

import digits
import stdlib_gpt
import torch
from learning import train

name, steps = sys.argv[1], int(sys.argv[2])
task = {"CNN": digits.cnn, "GPT": stdlib_gpt.task}[name]()
run = train(task, task.model, "npu", steps)
torch.npu.synchronize()
assert steps < 10 or run.losses[-1] < run.losses[0]
print("RESULT", json.dumps({"tolerance": 1e-5, "values": run.losses}))
