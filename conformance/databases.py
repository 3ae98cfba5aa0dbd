"""The lists of entries that ship with torch, by name: op_db, module_db and optim_db."""

from __future__ import annotations

from functools import cache

import modules
import operators
import optimizers
import torch
from launches import Launches
from row import Trial


@cache
def supported() -> dict[str, set[torch.dtype]]:
    """Every entry of the three, and the dtypes that torch tests it in on cpu."""
    return {
        **{name: set(op.supported_dtypes("cpu")) for name, op in operators.entries().items()},
        **{name: set(info.supported_dtypes("cpu")) for name, info in modules.entries().items()},
        **{name: {torch.float32} for name in optimizers.entries()},
    }


def trial(name: str, dtype: torch.dtype, launches: Launches) -> Trial:
    """What fills the row of the entry `name` in `dtype`."""
    if name in (found := operators.entries()):
        return operators.OperatorTrial(found[name], dtype, launches)
    if name in (info := modules.entries()):
        return modules.ModuleTrial(info[name], dtype, launches)
    return optimizers.OptimizerTrial(optimizers.entries()[name], dtype, launches)
