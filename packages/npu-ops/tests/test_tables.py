"""Every entry of the tables against the CPU, with the samples that PyTorch's own tests use.

An entry of a table is tested by being there: nothing is added here for a new operator.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from codegen.tables import Entry, read_tables
from opinfo import check, compare, elsewhere, infos, moved, samples
from torch.testing._internal.opinfo.core import OpInfo

ENTRIES = {e.key: e for t in read_tables(Path(__file__).parents[1] / "tables") for e in t.entries}
pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch's, of deprecated arguments and too few elements
DTYPES = [torch.float32, torch.float16, torch.int64, torch.bool]


def base(entry: Entry) -> str:
    name = str(entry.key).split(".")[0]
    return name if name.startswith("__") else name.rstrip("_")


def variants(entry: Entry) -> list[OpInfo]:
    found = infos(base(entry))
    assert found, f"no OpInfo reaches {entry.key}: add its name to REACHED_BY in opinfo.py"
    return found


@pytest.mark.parametrize("key", ENTRIES)
def test_results_and_gradients_are_those_of_the_cpu(key: str) -> None:
    count = 0
    with torch.autograd.profiler.profile() as profile:
        for info in variants(ENTRIES[key]):
            dtype = next(d for d in (torch.float32, torch.int64, torch.bool, torch.complex64) if d in info.dtypes)
            count += check(info, dtype, info.supports_autograd and dtype == torch.float32, base(ENTRIES[key]))
    assert count, f"{key} has no samples"
    assert f"aten::{base(ENTRIES[key])}" in {e.name.rstrip("_") for e in profile.function_events}


@pytest.mark.parametrize("dtype", DTYPES[1:], ids=str)
@pytest.mark.parametrize("key", ENTRIES)
def test_other_dtypes_agree_or_are_refused_by_name(key: str, dtype: torch.dtype) -> None:
    for info in variants(ENTRIES[key]):
        if dtype in info.dtypes:
            check(info, dtype, backward=False, base=base(ENTRIES[key]))


@pytest.mark.parametrize("key", ENTRIES)
def test_out_and_inplace_forms_agree(key: str) -> None:
    for info in variants(ENTRIES[key]):
        dtype = torch.float32
        if dtype not in info.dtypes:
            continue
        for sample in samples(info, dtype, grad=False):
            want = info.op(sample.input, *sample.args, **sample.kwargs)
            x, args, kwargs = moved(sample)
            try:
                got = info.op(x, *args, **kwargs)
            except NotImplementedError as error:
                if elsewhere(error, base(ENTRIES[key]), dtype):
                    continue
                raise
            compare(got, want, info.name)
            if info.supports_out and isinstance(want, torch.Tensor):
                out = torch.empty(0, dtype=want.dtype, device="npu")
                compare(info.op(x, *args, out=out, **kwargs), want, f"{info.name} out=")
                compare(out, want, f"{info.name} out=")
            inplace: Any = info.inplace_variant
            broadcasts = sample.broadcasts_input or not isinstance(want, torch.Tensor)
            if inplace is None or broadcasts or want.dtype != x.dtype or want.shape != x.shape:
                continue
            compare(inplace(x.clone(), *args, **kwargs), want, f"{info.name}_")
