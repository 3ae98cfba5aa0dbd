"""Drives the ABI with random sequences of valid and invalid calls: ``abi_fuzz.py --seconds 30 --seed 0``.

Every C function of npu-cann's headers that npu-sim exports is called, with arguments by its parameters' types: handles
that live, were destroyed, are of another kind, null, or nothing at all; sizes, enumerations and numbers inside and
outside their ranges; before aclInit and after aclFinalize. Operators get random tensors, null where there must be one,
executors of other operators, and workspaces that are too small. Each sequence runs in a process of its own, forked
from one that has loaded the libraries and not called them. It must live, end in time, and answer codes that CANN
documents, each with a message. Hypothesis shrinks what fails to the shortest sequence, which is printed as calls.

Not tried, since no library could survive it: a host pointer to nothing, and host buffers that are too small.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parents[1]))

from fuzz import sequence
from fuzz.sequence import FUNCTIONS, MAKERS, OPERATORS, Sequence, note


def attempt(steps: list[tuple[str, int]], begun: bool, limit: int = 10) -> str | None:
    """Runs a sequence in a process of its own; what went wrong, with the calls."""
    reader, sequence.NOTES = os.pipe()
    said = os.memfd_create("stderr")
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.dup2(said, 2)
        os.dup2(said, 1)
        signal.alarm(limit)
        try:
            Sequence().run(steps, begun)
        except BaseException as error:  # of this program, not of the library
            note(f"{type(error).__name__}: {error}")
            os._exit(4)
        os._exit(0)
    os.close(sequence.NOTES)
    calls = b""
    while part := os.read(reader, 1 << 16):
        calls += part
    os.close(reader)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.lseek(said, 0, 0)
    stderr = os.read(said, 1 << 14).decode(errors="replace")
    os.close(said)
    COUNTS["sequences"] += 1
    COUNTS["calls"] += calls.count(b"\n")
    if status == 0:
        return None
    how = {-signal.SIGALRM: "it hangs", 3: "a wrong answer", 4: "the fuzzer itself failed"}.get(
        status, f"status {status}"
    )
    return f"{how} after\n  " + calls.decode(errors="replace").replace("\n", "\n  ") + stderr[-2000:]


COUNTS: Counter[str] = Counter()
STEP = st.tuples(
    st.one_of(
        st.sampled_from(MAKERS),
        st.sampled_from(["tensor", *sorted(FUNCTIONS)]),
        st.sampled_from(["tensor", *sorted(OPERATORS)]),
    ),
    st.integers(0, 1 << 20),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rounds", type=int, default=1 << 30, help="at most so many hundreds of sequences")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--long", action="store_true", help="do not shrink: print the first that fails as it is")
    parser.add_argument("--crash", action="store_true", help="abort in every sequence: whether the fuzzer sees it")
    parser.add_argument("--without", nargs="*", default=[], metavar="NAME", help="functions not to call")
    given_arguments = parser.parse_args()
    os.environ.setdefault("HCCL_EXEC_TIMEOUT", "1")
    Sequence.crash = given_arguments.crash
    end = time.monotonic() + given_arguments.seconds
    round_ = 0
    while time.monotonic() < end and round_ < given_arguments.rounds:

        @seed(given_arguments.seed * 1_000_003 + round_)
        @settings(
            max_examples=100,
            deadline=None,
            database=None,
            phases=[Phase.generate] if given_arguments.long else [Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(st.lists(STEP, min_size=5, max_size=60), st.integers(0, 6))
        def explore(steps: list[tuple[str, int]], start: int) -> None:
            steps = [step for step in steps if step[0] not in given_arguments.without]
            if time.monotonic() < end + 60 and (problem := attempt(steps, start > 0)):
                raise AssertionError(problem)

        try:
            explore()
        except AssertionError as error:
            print(error)
            print(f"steps: see --seed {given_arguments.seed}, round {round_}")
            return 1
        round_ += 1
    tried = f"{len(FUNCTIONS)} functions, {len(OPERATORS)} operators"
    print(f"{COUNTS['calls']} calls in {COUNTS['sequences']} sequences; {tried}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
