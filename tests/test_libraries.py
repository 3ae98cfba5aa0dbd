"""What the shared libraries in the wheels are linked to: the arrows of docs/architecture.md."""

from __future__ import annotations

import re
import subprocess
import zipfile
from pathlib import Path

import pytest

CANN = {"libascendcl.so", "libnnopbase.so", "libopapi.so", "libhccl.so", "libmspti.so"}


@pytest.fixture(scope="module")
def libraries(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every shared object of every wheel by "wheel/file name", unpacked."""
    found: dict[str, Path] = {}
    for name, wheel in wheels.items():
        folder = tmp_path_factory.mktemp(name)
        zipfile.ZipFile(wheel).extractall(folder)
        found |= {f"{name}/{p.name}": p for p in folder.rglob("*.so*") if p.is_file()}
    return found


def needed(library: Path) -> set[str]:
    out = subprocess.check_output(["readelf", "-d", str(library)], text=True)
    return set(re.findall(r"\(NEEDED\).*\[(.+)\]", out))


def symbols(library: Path, kind: str) -> set[str]:
    out = subprocess.check_output(["nm", "-D", f"--{kind}", str(library)], text=True)
    return {line.split()[-1].split("@")[0] for line in out.splitlines()}


def of(libraries: dict[str, Path], *wheels: str) -> list[Path]:
    found = [p for name, p in libraries.items() if name.split("/")[0] in wheels]
    assert found, f"no shared object in {wheels}"
    return found


def test_no_plugin_library_is_linked_to_core(libraries: dict[str, Path]) -> None:
    core = symbols(libraries["npu-core/libnpu_core.so"], "defined-only")
    assert len(core) > 10
    plugins = [p for n, p in libraries.items() if n.split("/")[0] in {"npu-ops", "npu-dist", "npu-profiler", "npu-amp"}]
    assert plugins
    for library in plugins:
        assert not {n for n in needed(library) if "npu_core" in n}, library.name
        # Templates and inline functions of torch are emitted into both; what matters is that none is wanted of core.
        wanted = {s for s in symbols(library, "undefined-only") & core if not weak_in_torch(s)}
        assert not wanted, f"{library.name} wants {sorted(wanted)[:5]} of libnpu_core"


def weak_in_torch(symbol: str) -> bool:
    return re.search(r"\b(c10|at|torch|std|caffe2)\b", demangled(symbol)) is not None and "npu::" not in demangled(
        symbol
    )


def demangled(symbol: str) -> str:
    return subprocess.check_output(["c++filt", symbol], text=True).strip()


def test_the_operator_library_exports_its_handshake_and_little_else(libraries: dict[str, Path]) -> None:
    exported = symbols(libraries["npu-ops/libnpu_ops.so"], "defined-only")
    assert "npu_plugin_init" in exported
    assert not {s for s in exported if demangled(s).startswith("npu::")}


def test_no_product_library_is_linked_to_cann(libraries: dict[str, Path]) -> None:
    """CANN is opened on first use; linked, a machine without it could not `import torch`."""
    for name, library in libraries.items():
        if not name.startswith("npu-sim/"):
            assert not needed(library) & CANN, name


def test_core_is_free_of_python(libraries: dict[str, Path]) -> None:
    library = libraries["npu-core/libnpu_core.so"]
    assert not {n for n in needed(library) if "python" in n}
    assert not {s for s in symbols(library, "undefined-only") if s.startswith(("Py", "_Py"))}


@pytest.mark.parametrize("name", ["libascendcl.so", "libnnopbase.so", "libnpusim.so", "libhccl.so", "libmspti.so"])
def test_the_simulated_driver_is_free_of_torch(libraries: dict[str, Path], name: str) -> None:
    assert not {n for n in needed(libraries[f"npu-sim/{name}"]) if re.search("torch|c10|python", n)}


def test_no_library_keeps_a_path_of_the_build_machine(libraries: dict[str, Path]) -> None:
    for name, library in libraries.items():
        out = subprocess.check_output(["readelf", "-d", str(library)], text=True)
        for path in ":".join(re.findall(r"\((?:RPATH|RUNPATH)\).*\[(.*)\]", out)).split(":"):
            assert not path or path.startswith("$ORIGIN"), f"{name}: {path}"


def test_the_simulator_exports_only_operators_that_cann_has(libraries: dict[str, Path]) -> None:
    from npu_cann import signatures

    exported = {s for s in symbols(libraries["npu-sim/libopapi.so"], "defined-only") if s.startswith("aclnn")}
    exported.remove("aclnnNpuFormatCastCalculateSizeAndFormat")  # a query, in one phase
    named = {s.removesuffix("GetWorkspaceSize") for s in exported}
    ops = signatures.load()
    known = set(ops) | {n.replace("aclnn", "aclnnInplace", 1) for n, op in ops.items() if op.inplace}
    assert named - known == set()
    assert {s for s in named if f"{s}GetWorkspaceSize" not in exported or s not in exported} == set()
    assert len(named) > 100
