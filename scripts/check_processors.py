"""The tests whose outcome rounding could move, under the arithmetic of other processors: a table of test by setting.

    python scripts/check_processors.py                  # the tests marked `processors`, minutes on two quiet cores
    python scripts/check_processors.py --seeds 3 6 9    # those that judge a training run, from three other seeds
    python scripts/check_processors.py --tests tests/networks -k norm    # any tests; the rest of the line is pytest's

Each setting runs pytest in a process of its own, since PyTorch, MKL and oneDNN choose their kernels once. A processor
without AVX2 or AVX-512 takes the best it has. The exit status is 1 if anything failed under any setting.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
SETTINGS: dict[str, dict[str, str]] = {
    "plain": {},
    "torch without vectors": {"ATEN_CPU_CAPABILITY": "default"},
    "torch with AVX2": {"ATEN_CPU_CAPABILITY": "avx2"},
    "MKL with AVX2": {"MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "oneDNN with SSE 4.1": {"ONEDNN_MAX_CPU_ISA": "SSE41"},
    "oneDNN with AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "two threads": {"TEST_THREADS": "2"},
}
VARIED = {variable for setting in SETTINGS.values() for variable in setting}
MARKS = {"passed": ".", "failed": "F", "skipped": "s"}
Outcomes = dict[str, str]  # test -> a key of MARKS


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS), metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="what is added to each test's seed")
    parser.add_argument("--tests", nargs=argparse.REMAINDER, default=["-m", "processors and not quality"])
    options = parser.parse_args(arguments)
    columns: dict[str, Outcomes] = {}
    good = True
    for setting in options.settings:
        for seed in options.seeds:
            name = f"{setting}, seed +{seed}" if seed else setting
            code, columns[name] = run(SETTINGS[setting] | {"TEST_SEED": str(seed)}, options.tests)
            good &= code == 0
            print(f"{name}: {'passed' if code == 0 else f'pytest ended with {code}'}", flush=True)
    print(table(columns))
    return 0 if good else 1


def run(setting: dict[str, str], tests: list[str]) -> tuple[int, Outcomes]:
    """Pytest's exit status, and each test's outcome, with these environment variables; failures are shown."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", f"--junitxml={report}", *tests]
        environment = {name: value for name, value in os.environ.items() if name not in VARIED} | setting
        done = subprocess.run(command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            print(done.stdout, done.stderr, sep="\n")
        return done.returncode, outcomes(report) if report.is_file() else {}


def outcomes(report: Path) -> Outcomes:
    """Each test's outcome in pytest's JUnit report; an error in a fixture is a failure."""
    results = {}
    for case in ElementTree.parse(report).iter("testcase"):
        tags = {child.tag for child in case}
        bad = not tags.isdisjoint({"failure", "error"})
        test = f"{case.get('classname')}::{case.get('name')}"
        results[test] = "failed" if bad else "skipped" if "skipped" in tags else "passed"
    return results


def table(columns: dict[str, Outcomes]) -> str:
    """A numbered legend of the settings, and a line a test: passed (.), failed (F), skipped (s), absent (-)."""
    lines = [f"{number:>3} {name}" for number, name in enumerate(columns, 1)]
    lines.append("".join(f"{number:>3}" for number in range(1, len(columns) + 1)))
    for test in sorted({test for column in columns.values() for test in column}):
        cells = (MARKS[column[test]] if test in column else "-" for column in columns.values())
        lines.append("".join(f"{cell:>3}" for cell in cells) + f"  {test}")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
