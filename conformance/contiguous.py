"""Which operators copy operands that are not contiguous: found by what npu-sim saw of op_db's first samples.

`python conformance/contiguous.py` fails if an entry copies that contiguous.yaml does not list, or lists one that does
not. An operator copies only where aclnn wants a layout of its own.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

#: Rows of the trace that move a tensor's elements and compute nothing.
COPIES = {"aclnnInplaceCopy"}
#: Of so many samples the one with the most dimensions is tried.
SAMPLES = 12
LISTED = Path(__file__).with_name("contiguous.yaml")


def turned(tensor: Any) -> Any:
    """The same numbers with the last two dimensions swapped in memory; a vector with a gap after each element."""
    import torch

    if tensor.dim() > 1:
        there = tensor.detach().transpose(-1, -2).contiguous().transpose(-1, -2)
    elif tensor.dim() == 1:
        there = torch.stack([tensor.detach()] * 2, -1)[:, 0]
    else:
        return tensor
    return there.requires_grad_(tensor.requires_grad)


def dims(sample: Any) -> int:
    """Most dimensions among the tensors of `sample`."""
    import torch
    from torch.utils._pytree import tree_leaves

    leaves = tree_leaves((sample.input, sample.args, sample.kwargs))
    return max((t.dim() for t in leaves if isinstance(t, torch.Tensor) and t.numel()), default=0)


class Copies:
    """Counts the copies of calls, by the trace of the device."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def of(self, call: Any, *args: Any, **kwargs: Any) -> Counter[str]:
        """The operators that the call launches, those of COPIES only."""
        import torch

        torch.npu.synchronize()
        os.truncate(self.trace, 0)
        call(*args, **kwargs)
        torch.npu.synchronize()
        rows = [json.loads(line) for line in self.trace.read_text().splitlines() if '"phase":2' in line]
        return Counter(name for row in rows if (name := str(row["call"])) in COPIES)


def copying(trace: Path) -> tuple[set[str], int]:
    """Entries whose call copies more when its tensors are not contiguous, and how many were tried."""
    import torch
    from operators import entries, moved
    from torch.utils._pytree import tree_map_only
    from tqdm import tqdm

    torch.ones(1, device="npu")
    copies, tried = Copies(trace), 0
    found: set[str] = set()
    for name, op in tqdm(entries().items(), desc="op_db, contiguous or not", unit="entry", ncols=90):
        if torch.float32 not in op.supported_dtypes("cpu") or op.op is None:
            continue
        try:
            samples = list(itertools.islice(op.sample_inputs("cpu", torch.float32, requires_grad=False), SAMPLES))
            sample = max(samples, key=dims, default=None)
            if sample is None:
                continue
            first, args, kwargs = moved(op, sample, "npu")
            plain = copies.of(op.op, first, *args, **kwargs)
            first, args, kwargs = tree_map_only(torch.Tensor, turned, moved(op, sample, "npu"))
            if copies.of(op.op, first, *args, **kwargs) > plain:
                found.add(name)
        except torch.AcceleratorError:  # the device is of no use any more
            raise
        except Exception:  # what cannot run is the sweep's to tell
            continue
        tried += 1
    return found, tried


def main() -> int:
    import yaml

    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.jsonl"
        trace.touch()
        os.environ["NPU_SIM_TRACE"] = str(trace)
        warnings.simplefilter("ignore")
        found, tried = copying(trace)
    listed = {entry for entries in yaml.safe_load(LISTED.read_text()).values() for entry in entries}
    for entry in sorted(found - listed):
        print(f"{entry} copies operands that are not contiguous: mend it, or give contiguous.yaml the reason")
    for entry in sorted(listed - found):
        print(f"{entry} copies nothing: remove it from contiguous.yaml")
    print(f"{len(found)} of {tried} entries copy operands that are not contiguous, {len(listed)} with a reason")
    return 0 if found == listed else 1


if __name__ == "__main__":
    sys.exit(main())
