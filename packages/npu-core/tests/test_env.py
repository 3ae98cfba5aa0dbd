"""Environment variables: what is read is documented, wherever it is read."""

import re
from pathlib import Path

import npu_core
from npu_core import env

PACKAGE = Path(__file__).parents[1]


def read_by_cpp() -> set[str]:
    """Names that the C++ gives to getenv or to the helpers over it: quoted, in capitals, first of a call's strings."""
    found: set[str] = set()
    for path in (PACKAGE / "csrc").rglob("*.cpp"):
        text = path.read_text()
        found |= set(re.findall(r'\bgetenv\("(\w+)"', text))
        if path.name == "env.cpp":
            found |= set(re.findall(r'\b(?:text|number)\((?:e, )?"([A-Z_0-9]+)"', text))
    return found


def read_by_python() -> set[str]:
    return {value for name, value in vars(env).items() if isinstance(value, str) and name == value}


def test_every_variable_that_is_read_is_documented() -> None:
    assert {"TASK_QUEUE_ENABLE", "NPU_FALLBACK", "LD_PRELOAD"} <= read_by_cpp()
    assert {"NPU_RUNTIME", "CUDA_VISIBLE_DEVICES"} <= read_by_python()
    assert (read_by_cpp() | read_by_python()) - set(env.DOCUMENTED) == set()


def test_only_one_file_of_each_language_reads_the_environment() -> None:
    cpp = {p.name for p in (PACKAGE / "csrc").rglob("*.cpp") if "getenv" in p.read_text()}
    python = {p.name for p in Path(npu_core.__file__).parent.rglob("*.py") if "os.environ" in p.read_text()}
    assert (cpp, python) == ({"env.cpp"}, {"env.py"})


def test_the_readme_names_every_documented_variable() -> None:
    readme = (PACKAGE / "README.md").read_text()
    assert [name for name in env.DOCUMENTED if f"`{name}`" not in readme] == []
