"""op_db, module_db and optim_db through torch's own harness, with npu as its device: the first float32 sample of each.

All samples, forms and dtypes are `nox -s conformance`, whose trials these are.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch.testing._internal.common_device_type import instantiate_device_type_tests, ops
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_modules import ModuleInfo, module_db, modules
from torch.testing._internal.common_optimizers import OptimizerInfo, optim_db, optims
from torch.testing._internal.common_utils import TestCase
from torch.testing._internal.opinfo.core import OpInfo

sys.path.append(str(Path(__file__).parents[3] / "conformance"))

from launches import Launches
from modules import ModuleTrial
from operators import OperatorTrial
from optimizers import OptimizerTrial
from row import Trial

pytestmark = pytest.mark.filterwarnings("ignore")  # the samples use what torch deprecates, on purpose


class TestDatabases(TestCase):
    """torch makes a test of each entry, named after it."""

    def holds(self, trial: Trial) -> None:
        row = trial.run(first=True)
        assert row.status not in ("wrong", "error"), "\n".join(row.examples)

    @ops(op_db, allowed_dtypes=(torch.float32,))  # type: ignore[untyped-decorator]
    def test_operator(self, device: str, dtype: torch.dtype, op: OpInfo) -> None:
        self.holds(OperatorTrial(op, dtype, Launches()))

    @modules(module_db, allowed_dtypes=(torch.float32,))  # type: ignore[untyped-decorator]
    def test_module(self, device: str, dtype: torch.dtype, module_info: ModuleInfo, training: bool) -> None:
        self.holds(ModuleTrial(module_info, dtype, Launches()))

    @optims(optim_db, dtypes=[torch.float32])  # type: ignore[untyped-decorator]
    def test_optimizer(self, device: str, dtype: torch.dtype, optim_info: OptimizerInfo) -> None:
        self.holds(OptimizerTrial(optim_info, dtype, Launches()))


instantiate_device_type_tests(TestDatabases, globals(), only_for="privateuse1")


def test_the_harness_found_the_device_and_made_a_test_of_each_entry() -> None:
    made = [name for name in dir(globals()["TestDatabasesPRIVATEUSE1"]) if name.startswith("test_")]
    floats = [op for op in op_db if torch.float32 in op.supported_dtypes("npu")]
    assert len(made) >= len(floats) + len(module_db) + len(optim_db)
