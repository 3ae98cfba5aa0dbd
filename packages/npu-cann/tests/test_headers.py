"""The headers stand alone in both languages, and pin the layout of what crosses the ABI."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from npu_cann import CMAKE_DIR, INCLUDE_DIR
from npu_cann.signatures import load_yaml

HEADERS = sorted(p.relative_to(INCLUDE_DIR).as_posix() for p in INCLUDE_DIR.rglob("*.h"))
LANGUAGES = {"c": "-std=c11", "c++": "-std=c++20"}


def compile_text(text: str, language: str) -> "subprocess.CompletedProcess[str]":
    """Checks `text` as C or C++ with the warnings that the wheels are built with."""
    flags = [LANGUAGES[language], "-Wall", "-Wextra", "-Werror", "-Wno-unused-const-variable", "-fsyntax-only"]
    return subprocess.run(
        ["cc", "-x", language, *flags, f"-I{INCLUDE_DIR}", "-"], input=text, text=True, capture_output=True
    )


def structs(header: str) -> set[str]:
    """Names of the structs and unions that `header` defines with fields."""
    return set(re.findall(r"^\} (\w+);\nNPU_CANN_LAYOUT", (INCLUDE_DIR / header).read_text(), re.M))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("header", HEADERS)
def test_a_header_compiles_alone_and_twice(header: str, language: str) -> None:
    done = compile_text(f'#include "{header}"\n#include "{header}"\n', language)
    assert done.returncode == 0, done.stderr


def test_all_headers_compile_together() -> None:
    done = compile_text("".join(f'#include "{h}"\n' for h in HEADERS), "c++")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("header", HEADERS)
def test_every_struct_with_fields_has_its_layout_asserted(header: str) -> None:
    text = (INCLUDE_DIR / header).read_text()
    bodies = re.findall(r"^typedef (?:struct|union)[^;{]*\{.*?^\} (\w+);", text, re.M | re.S)
    assert set(bodies) == structs(header)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_wrong_layout_does_not_compile(language: str) -> None:
    right = '#include "npu/cann/acl.h"\nNPU_CANN_LAYOUT(aclCANNPackageVersion, 512, 1);\n'
    wrong = right.replace("512", "513")
    assert compile_text(right, language).returncode == 0
    done = compile_text(wrong, language)
    assert done.returncode != 0
    assert re.search(r"static assertion failed: .*aclCANNPackageVersion differs from CANN\\?'s layout", done.stderr)


def test_sizes_that_the_wire_depends_on() -> None:
    text = """
    #include "npu/cann/hccl.h"
    #include "npu/cann/mspti.h"
    static_assert(sizeof(HcclRootInfo) == 4108);
    static_assert(sizeof(HcclCommConfig) == 2240 && HCCL_COMM_CONFIG_MAGIC_WORD == 0xF0F0F0F0u);
    static_assert(offsetof(msptiActivityKernel, correlationId) == 28);
    static_assert(sizeof(aclDataType) == 4 && ACL_FLOAT == 0 && ACL_BF16 == 27);
    """
    done = compile_text(text, "c++")
    assert done.returncode == 0, done.stderr


def test_a_function_is_declared_once() -> None:
    seen: dict[str, str] = {}
    for header in HEADERS:
        for name in re.findall(
            r"^\w[\w \*]*?\b((?:acl|Acl|Hccl|Hcom|mspti|PTA|rt[A-Z])\w*)\(", (INCLUDE_DIR / header).read_text(), re.M
        ):
            assert name not in seen, f"{name} is declared in {seen.get(name)} and {header}"
            seen[name] = header
    assert {"aclrtMalloc", "aclCreateTensor", "HcclAllReduce", "msptiSubscribe"} <= set(seen)


@pytest.mark.skipif(not shutil.which("cmake"), reason="needs cmake")
def test_cmake_finds_the_package(tmp_path: Path) -> None:
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(use CXX)\n"
        "find_package(npu_cann REQUIRED)\nadd_library(use OBJECT use.cpp)\n"
        "target_link_libraries(use PRIVATE npu::cann npu::flags)\n"
    )
    (tmp_path / "use.cpp").write_text("#include <npu/cann/acl.h>\naclError f() { return ACL_SUCCESS; }\n")
    for step in (["-S", ".", "-B", "build", f"-Dnpu_cann_DIR={CMAKE_DIR}"], ["--build", "build"]):
        done = subprocess.run(["cmake", *step], cwd=tmp_path, text=True, capture_output=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_what_torch_npu_asks_of_libraries_with_a_header_is_declared() -> None:
    data = load_yaml(INCLUDE_DIR.parent / "data" / "torch_npu.yaml")
    # no other library of CANN has a header here: nobody serves or calls them
    without = {f"lib{n}.so" for n in ("ascend_hal", "ascend_ml", "ascendsk", "dcmi", "lcal", "shmem")}
    assert without <= set(data)
    text = "".join((INCLUDE_DIR / header).read_text() for header in HEADERS)
    declared = set(re.findall(r"\b(\w+)\(", text))
    groups = [kinds for library, kinds in data.items() if library not in without and isinstance(kinds, dict)]
    names = {name for kinds in groups for group in kinds.values() for name in group.split()}
    assert len(names) > 290
    assert names - declared == set()
