"""`import torch` with npu-core installed: silent, harmless, re-entrant, and honest about what it could not do."""

import types
from typing import Any

import pytest

STATE = "import torch; from npu_core import autoload; out = [autoload.state, autoload.reason, hasattr(torch, 'npu')]"

#: No runtime at all: what a machine without CANN and without npu-sim is like.
NOWHERE = {"NPU_RUNTIME": "cann", "ASCEND_HOME_PATH": "/nowhere", "LD_LIBRARY_PATH": ""}


def test_import_torch_registers_and_is_silent(site: Any) -> None:
    done = site.python("import torch; import sys; sys.exit(0 if hasattr(torch, 'npu') else 3)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_import_torch_initialises_no_device_and_chooses_no_runtime(site: Any) -> None:
    code = "import os\ndef provider(): os._exit(9)"
    site.wheel("npu-trap", entry_points={"npu.runtimes:trap": "npu_trap:provider"}, code=code)
    done = site.python("import torch; print(torch.npu.is_initialized())")
    assert (done.returncode, done.stdout, done.stderr) == (0, "False\n", "")


def test_importing_npu_core_alone_loads_neither_torch_nor_a_library(site: Any) -> None:
    before = "open('/proc/self/maps').read().count('.so')"
    code = f"import sys, pathlib; a = {before}; import npu_core; b = {before}; out = ['torch' in sys.modules, b - a]"
    assert site.json(code) == [False, 0]


@pytest.mark.parametrize(
    "first",
    ["import npu_core.npu", "import npu_core; npu_core.register()", "import torch.npu", "import npu_core.autoload"],
)
def test_any_order_of_imports_ends_registered_once(site: Any, first: str) -> None:
    out = site.json(
        f"{first}\nimport torch, npu_core.npu\nout = [torch.npu is npu_core.npu, hasattr(torch.Tensor, 'npu')]"
    )
    assert out == [True, True]


def test_with_autoload_off_nothing_happens_until_register(site: Any) -> None:
    code = "import torch, npu_core; before = hasattr(torch, 'npu'); npu_core.register()\n"
    code += "out = [before, hasattr(torch, 'npu')]"
    assert site.json(code, TORCH_DEVICE_BACKEND_AUTOLOAD="0") == [False, True]


def test_register_from_a_plugin_that_is_being_loaded_does_nothing(site: Any) -> None:
    site.plugin("alpha", "def activate(table):\n    import npu_core\n    npu_core.register()")
    code = "import torch; import npu_core.plugins as p; out = {x.name: x.state for x in p.plugins()}"
    if (state := site.json(STATE, NPU_PLUGINS="alpha")[0]) != "yes":
        pytest.fail(f"npu-core is {state}")
    assert site.json(code, NPU_PLUGINS="alpha")["alpha"] == "loaded"


def test_a_broken_plugin_is_warned_about_in_one_sentence_and_torch_works(site: Any) -> None:
    site.plugin("alpha", "1 / 0")
    done = site.python("import torch; print(torch.ones(2).sum().item())", NPU_PLUGINS="alpha")
    assert (done.returncode, done.stdout) == (0, "2.0\n")
    (sentence,) = [line for line in done.stderr.splitlines() if "UserWarning" in line]
    assert "npu plugin 'alpha' is not loaded: npu-alpha 1.0 failed to load (ZeroDivisionError" in sentence


@pytest.mark.parametrize("code", ["import sys; sys.exit(3)", "def activate(table): raise SystemExit('enough')"])
def test_a_plugin_that_exits_ends_neither_import_torch_nor_the_other_plugins(site: Any, code: str) -> None:
    site.plugin("alpha", code)
    site.plugin("beta")
    out = "import torch; import npu_core.plugins as p; out = {x.name: [x.state, x.reason] for x in p.plugins()}"
    found = site.json(out, NPU_PLUGINS="alpha,beta")
    assert found["alpha"][0] == "refused"
    assert "npu-alpha 1.0 failed to load (SystemExit: " in found["alpha"][1]
    assert found["beta"][0] == "loaded"


def test_an_exit_inside_the_registration_is_remembered_and_an_interrupt_passes(site: Any) -> None:
    code = "import torch; from npu_core import autoload\ndef stop(): raise {}\nautoload._register = stop\n"
    code += "try: autoload.run(); out = [autoload.state, autoload.reason]\n"
    code += "except KeyboardInterrupt: out = 'interrupted'"
    off = {"TORCH_DEVICE_BACKEND_AUTOLOAD": "0"}
    state, reason = site.json(code.format("SystemExit(3)"), **off)
    assert state == "broken"
    assert "(SystemExit: 3)" in reason
    assert site.json(code.format("KeyboardInterrupt"), **off) == "interrupted"


def test_import_torch_survives_warnings_as_errors(site: Any) -> None:
    site.plugin("alpha", keywords="npu-core-abi=9.0")
    done = site.python("import torch; print('fine')", "-W", "error::UserWarning", NPU_PLUGINS="alpha")
    assert (done.returncode, done.stdout) == (0, "fine\n")
    assert "npu-alpha 1.0 needs npu-core ABI 9.0" in done.stderr


def test_the_official_torch_npu_gets_the_device_and_one_sentence_says_so(site: Any) -> None:
    site.wheel("torch-npu", "2.13.0")
    done = site.python("import torch; print(hasattr(torch, 'npu'), torch._C._get_privateuse1_backend_name())")
    assert (done.returncode, done.stdout) == (0, "False privateuseone\n")
    sentences = [line for line in done.stderr.splitlines() if "UserWarning" in line]
    assert len(sentences) == 1
    assert "npu-core yields to torch-npu 2.13.0" in sentences[0]


def test_our_own_torch_npu_is_no_reason_to_yield(site: Any) -> None:
    site.wheel("torch-npu", "2.13.0+modular.9")
    assert site.json(STATE)[2] is True


def test_another_backend_that_took_the_name_first_costs_only_the_device(site: Any) -> None:
    code = "import torch; torch.utils.rename_privateuse1_backend('other'); import npu_core; npu_core.register()\n"
    code += "from npu_core import autoload; out = [autoload.state, autoload.reason, torch.ones(2).sum().item()]"
    state, reason, total = site.json(code, TORCH_DEVICE_BACKEND_AUTOLOAD="0")
    assert (state, total) == ("broken", 2.0)
    assert "taken by 'other'" in reason


def test_another_torch_minor_is_named_with_the_remedy_and_torch_works(site: Any) -> None:
    code = (
        "import torch, npu_core; torch.__version__ = '2.14.1'; npu_core.register()\n"
        "try:\n    torch.ones(2).npu()\nexcept RuntimeError as error:\n    out = [str(error), torch.npu.is_available()]"
    )
    message, available = site.json(code, TORCH_DEVICE_BACKEND_AUTOLOAD="0")
    assert message == "npu-core 0.1.0 is built for torch 2.13, found 2.14.1: pip install 'torch==2.13.*'"
    assert available is False


def fake_torch(**version: Any) -> Any:
    return types.SimpleNamespace(version=types.SimpleNamespace(**{"cuda": None, "hip": None, "xpu": None, **version}))


def test_a_cuda_device_on_a_cuda_build_is_seen_unless_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    from npu_core import autoload

    monkeypatch.setattr("glob.glob", lambda pattern: ["/dev/nvidia0"] if "nvidia" in pattern else [])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert autoload._other_accelerator(fake_torch(cuda="13.0")) == "CUDA"
    assert autoload._other_accelerator(fake_torch()) is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert autoload._other_accelerator(fake_torch(cuda="13.0")) is None


def test_beside_a_cuda_device_npu_registers_only_when_asked_for(site: Any) -> None:
    code = "import torch; from npu_core import autoload; autoload._other_accelerator = lambda torch: 'CUDA'\n"
    code += "autoload.run(); out = [autoload.state, autoload.reason, hasattr(torch, 'npu')]"
    state, reason, there = site.json(code, TORCH_DEVICE_BACKEND_AUTOLOAD="0")
    assert (state, there) == ("yielded", False)
    assert "set NPU_RUNTIME=auto" in reason
    assert site.json(code, TORCH_DEVICE_BACKEND_AUTOLOAD="0", NPU_RUNTIME="auto")[2] is True


CPU_WORK = {
    "a default Adam step": (
        "m = torch.nn.Linear(3, 3); o = torch.optim.Adam(m.parameters())\n"
        "m(torch.randn(2, 3)).sum().backward(); o.step(); out = True"
    ),
    "a fused AdamW step": (
        "m = torch.nn.Linear(3, 3); o = torch.optim.AdamW(m.parameters(), fused=True)\n"
        "m(torch.randn(2, 3)).sum().backward(); o.step(); out = True"
    ),
    "DataLoader workers": (
        "from torch.utils.data import DataLoader\n"
        "out = sum(b.sum().item() for b in DataLoader(torch.arange(10.), batch_size=2, num_workers=2)) == 45"
    ),
    "reentrant checkpointing": (
        "from torch.utils.checkpoint import checkpoint as c; x = torch.randn(3, requires_grad=True)\n"
        "c(lambda a: torch.nn.functional.dropout(a.sin()), x, use_reentrant=True).sum().backward(); out = True"
    ),
    "checkpointing": (
        "from torch.utils.checkpoint import checkpoint as c; x = torch.randn(3, requires_grad=True)\n"
        "c(lambda a: torch.nn.functional.dropout(a.sin()), x, use_reentrant=False).sum().backward(); out = True"
    ),
    "torch.accelerator": (
        "a = torch.accelerator; out = a.device_count() == 0 and not a.is_available()\n"
        "out = out and a.current_accelerator(True) is None and a.current_accelerator().type == 'npu'"
    ),
    "seeding": "torch.manual_seed(1); a = torch.rand(2); torch.manual_seed(1); out = torch.equal(a, torch.rand(2))",
    "fork_rng": "with torch.random.fork_rng(): torch.rand(1)\nout = True",
    "a switched-off autocast": "with torch.autocast('npu', enabled=False): out = True",
    "save and load": (
        "import io; b = io.BytesIO(); torch.save(torch.ones(2), b); b.seek(0)\n"
        "out = torch.load(b, map_location='cpu').sum().item() == 2"
    ),
    "profiling with the default activities": (
        "with torch.profiler.profile() as p: torch.ones(2) + 1\n"
        "out = any(e.key == 'aten::add' for e in p.key_averages())"
    ),
    "profiling with stacks": (
        "with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], with_stack=True) as p:\n"
        "    torch.ones(2, requires_grad=True).sum().backward()\n"
        "out = any(e.key == 'aten::sum' for e in p.key_averages())"
    ),
    "a forked child": (
        "import os; pid = os.fork()\n"
        "if pid == 0: os._exit(0 if torch.ones(2).sum().item() == 2 else 1)\n"
        "out = os.waitpid(pid, 0)[1] == 0"
    ),
}


@pytest.mark.parametrize("work", list(CPU_WORK))
def test_cpu_work_is_untouched_where_there_is_no_device(site: Any, work: str) -> None:
    assert site.json("import torch\n" + CPU_WORK[work], **NOWHERE) is True


def test_first_use_without_a_runtime_says_what_is_missing_and_what_to_run(site: Any) -> None:
    code = "import torch\ntry:\n    torch.ones(2).npu()\nexcept RuntimeError as error:\n    out = str(error)"
    message = site.json(code, **NOWHERE)
    assert "libascendcl.so not found" in message
    assert "install the CANN toolkit" in message
