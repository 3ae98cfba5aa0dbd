"""Networks learn on the device: a perceptron, a CNN and a GPT, on real data that is on every machine.

Fails unless each reaches its goal, its first losses equal those of the same run on `cpu` in float32, and no operator
fell back to the CPU. Under autocast a loss may differ by one rounding of its dtype. `python train.py CNN`
trains one of them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import digits
import stdlib_gpt
import torch
from learning import Run, Verdict, learn, picture

TASKS = {
    "perceptron": digits.perceptron,
    "CNN": digits.cnn,
    "GPT": stdlib_gpt.task,
    "GPT-float16": stdlib_gpt.float16,
    "GPT-bfloat16": stdlib_gpt.bfloat16,
}


def summary(verdicts: list[Verdict]) -> str:
    """A line a training."""
    row = "{:<12}{:>12}{:>8}{:>10}{:>22}{:>18}   {}".format
    lines = [row("model", "parameters", "steps", "seconds", "loss", "vs cpu, relative", "reached")]
    lines += [
        row(
            v.task.name,
            f"{sum(p.numel() for p in v.task.model.parameters()):,}",
            len(v.on_npu.losses),
            f"{v.on_npu.seconds:.1f}",
            f"{v.on_npu.losses[0]:.4f} -> {v.on_npu.losses[-1]:.4f}",
            f"{v.difference:.1e}",
            f"{v.reached} (goal {v.task.goal})",
        )
        for v in verdicts
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", metavar="|".join(TASKS), help="which ones (all)")
    parser.add_argument("--picture", type=Path, default=Path("build/demo_losses.png"), help="where the curves go")
    arguments = parser.parse_args()

    on_cpu: dict[str, Run] = {}
    verdicts = []
    for name in arguments.tasks or TASKS:
        network = name.split("-")[0]  # in all dtypes the same weights and batches: they share the run on the CPU
        verdicts.append(learn(TASKS[name](), on_cpu.get(network)))
        on_cpu[network] = verdicts[-1].on_cpu
    fallbacks = torch.npu.fallback_report()
    for v in verdicts:
        print(f"\nwhat ran where in the first {len(v.on_cpu.losses)} steps of the {v.task.name}")
        print(v.on_npu.placement.table())
        if sample := v.task.sample(v.task.model):
            print(f"\nthe {v.task.name} writes:\n{sample}")
    arguments.picture.parent.mkdir(parents=True, exist_ok=True)
    picture(verdicts, arguments.picture)
    print(f"\n{summary(verdicts)}\n")
    print(f"device         {torch.npu.get_device_name()}")
    print(f"CPU fallbacks  {len(fallbacks)}")
    print(f"loss curves    {arguments.picture}")

    failures = [f for v in verdicts for f in v.failures]
    if fallbacks:
        failures.append(f"operators fell back to the CPU: {fallbacks}")
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
