"""How a plugin's library is opened and given the table, on libraries of three lines."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from npu_core import plugin_library


def library(folder: Path, code: str) -> Path:
    """`code` in C, compiled."""
    path = folder / "libplugin.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-xc", "-", "-o", path], input=code, text=True, check=True)
    return path


def test_a_library_gets_the_address_of_the_table(tmp_path: Path) -> None:
    path = library(tmp_path, "const void* seen; const char* npu_plugin_init(const void* t) { seen = t; return 0; }")
    loaded = plugin_library.initialised("npu-alpha", path, 0x123456789ABC)
    assert ctypes.c_void_p.in_dll(loaded, "seen").value == 0x123456789ABC


def test_what_a_library_refuses_is_raised_with_its_wheel_and_the_remedy(tmp_path: Path) -> None:
    path = library(tmp_path, 'const char* npu_plugin_init(const void* t) { return "it needs version 2.0"; }')
    with pytest.raises(ImportError) as info:
        plugin_library.initialised("npu-alpha", path, 1)
    said = "npu-alpha refuses npu-core's table: it needs version 2.0; pip install -U npu-core npu-alpha"
    assert str(info.value) == said


def test_a_library_that_cannot_be_opened_is_named_with_the_loaders_words(tmp_path: Path) -> None:
    path = library(tmp_path, "extern int nowhere; int* f(void) { return &nowhere; }")
    with pytest.raises(ImportError, match=r"cannot load .*: undefined symbol: nowhere; .* npu-alpha$"):
        plugin_library.opened("npu-alpha", path)


def test_importing_it_loads_no_torch() -> None:
    code = "import sys, npu_core.plugin_library; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
