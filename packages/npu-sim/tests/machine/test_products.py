"""The simulator plays the SoC of every Ascend product of the hardware table."""

from __future__ import annotations

import pytest
from acl_calls import Run

#: SoCs of the Atlas training servers and cards of both generations, of the A2 servers, and of the inference products.
SOCS = (
    "Ascend910A", "Ascend910B", "Ascend910ProA", "Ascend910ProB", "Ascend910PremiumA",
    "Ascend910B1", "Ascend910B2", "Ascend910B3", "Ascend910B4", "Ascend910_9391", "Ascend310P3",
)  # fmt: skip


@pytest.mark.parametrize("soc", SOCS)
def test_a_product_starts_allocates_copies_and_answers_its_name(run: Run, soc: str) -> None:
    done = run(
        """
        p, stream, event = acl.malloc(4096), acl.stream(), acl.event()
        acl.write(p, bytes(range(256)) * 16)
        acl.check("aclrtMemsetAsync", p, 4096, 7, 16, stream)
        acl.check("aclrtRecordEvent", event, stream)
        acl.check("aclrtSynchronizeEvent", event)
        assert acl.read(p, 17) == bytes([7] * 16 + [16])
        print(acl.lib.aclrtGetSocName().decode())
        """,
        NPU_SIM_SOC=soc,
        NPU_SIM_HBM="64M",
    )
    assert done.stdout.strip() == soc, done.stderr
