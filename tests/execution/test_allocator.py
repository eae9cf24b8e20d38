"""The allocator: what it does in a process of its own, and who works with it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from ctcdsl.codegen.load import build_module
from ctcdsl.evaluation.evaluation import EvaluationConfig, evaluate_module
from ctcdsl.execution import allocator
from ctcdsl.execution.allocator import steady_allocator
from ctcdsl.execution.autotune import ExecutionConfig, Run, measure
from ctcdsl.execution.events import Callback
from tests.conftest import one
from tests.support.runs import CPU, run_training
from tests.support.tiny import Recorder

glibc_only = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")

FAULTS = """
from contextlib import nullcontext
from resource import RUSAGE_SELF, getrusage
from types import SimpleNamespace
from ctcdsl.execution.allocator import steady_allocator

def faults():
    bytearray(48 << 20)
    before = getrusage(RUSAGE_SELF).ru_minflt
    bytearray(48 << 20)
    return getrusage(RUSAGE_SELF).ru_minflt - before
"""
"""`faults()`: page faults of a block of 48 MB, just after such a block was freed."""
STEADY = f"{FAULTS}\nwith steady_allocator(SimpleNamespace(type='cpu')): print(faults())"
PAGES = (48 << 20) // os.sysconf("SC_PAGE_SIZE")
WRAPPER = """
#include <stddef.h>
void *__libc_malloc(size_t); void *malloc(size_t size) { return __libc_malloc(size); }
"""


def faults(script: str, **environment: str) -> int:
    """The number that `script` prints in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    kept.pop("GLIBC_TUNABLES", None)
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, env={**kept, **environment}, capture_output=True, text=True, check=True
    )
    return int(done.stdout.split()[-1])


@glibc_only
def test_a_large_block_is_used_again_without_a_page_fault() -> None:
    assert faults(STEADY) < 0.01 * PAGES


@glibc_only
@pytest.mark.parametrize(
    "environment",
    [{"MALLOC_ARENA_MAX": "2"}, {"GLIBC_TUNABLES": "glibc.malloc.mmap_max=65536"}],
    ids=lambda environment: next(iter(environment)),
)
def test_a_setting_of_the_user_wins(environment: dict[str, str]) -> None:
    assert faults(STEADY, **environment) > 0.9 * PAGES


@glibc_only
@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_another_allocator_is_left_alone(tmp_path: Path) -> None:
    source, library = tmp_path / "wrapper.c", tmp_path / "wrapper.so"
    source.write_text(WRAPPER, encoding="utf-8")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    assert faults(STEADY, LD_PRELOAD=str(library)) > 0.9 * PAGES


@glibc_only
def test_nothing_is_set_on_a_gpu_or_by_a_command_that_does_not_compute() -> None:
    gpu = STEADY.replace("'cpu'", "'cuda'")
    assert faults(gpu) > 0.9 * PAGES
    cost = f"{FAULTS}\nfrom ctcdsl.cli.main import run\nrun(['cost', 'A'])\nprint(faults())"
    assert faults(cost) > 0.9 * PAGES


@glibc_only
def test_memory_returns_to_the_system_at_the_end() -> None:
    script = f"""{FAULTS}
def resident():
    return int(open("/proc/self/statm").read().split()[1])

with steady_allocator(SimpleNamespace(type="cpu")):
    kept = [bytearray(48 << 20)]
    top = bytearray(100)  # above it on the heap
    before = resident()
    kept.clear()
    assert resident() > before - {PAGES // 2}, "kept meanwhile"
print(before - resident())
"""
    assert faults(script) > 0.9 * PAGES


class Glibc:
    """Records what is set; `on` is whether work is going on."""

    def __init__(self) -> None:
        self.settings: dict[int, int] = {}
        self.on = False

    def mallopt(self, option: int, value: int) -> int:
        self.settings[option] = value
        self.on = True
        return 1

    def malloc_trim(self, pad: int) -> int:
        assert pad == 0
        self.on = False
        return 1


@pytest.fixture
def glibc(monkeypatch: pytest.MonkeyPatch) -> Glibc:
    """A glibc that records, in an environment without a user's settings."""
    recorded = Glibc()
    monkeypatch.setattr(allocator, "_glibc", lambda: recorded)
    monkeypatch.setattr(allocator, "is_set_by_user", lambda environment: False)
    return recorded


def test_steps_and_tests_of_a_training_have_it(glibc: Glibc, tmp_path: Path) -> None:
    seen: list[bool] = []

    class Watcher(Recorder):
        def on_validation(self, done: int, total: int) -> None:
            seen.append(glibc.on)

    run_training(tmp_path / "run", callback=Watcher(after_step=lambda _: seen.append(glibc.on)))
    assert seen and all(seen) and not glibc.on


def test_an_evaluation_has_it(glibc: Glibc) -> None:
    network = one("input 3x20x20\nclasses 11\npad valid\n(3,8)/2\nhead: gap fc\n")
    module, seen = build_module(network), []
    module.register_forward_hook(lambda *_: seen.append(glibc.on))
    evaluate_module(module, network, EvaluationConfig(views=1, batch=64))
    assert seen and all(seen) and not glibc.on


def test_configurations_are_timed_with_it(glibc: Glibc) -> None:
    seen: list[bool] = []

    def run() -> torch.Tensor:
        seen.append(glibc.on)
        return torch.zeros(())

    def prepare(config: ExecutionConfig) -> Run:
        return run

    measure(prepare, [ExecutionConfig("float32", "off")], 1, CPU, Callback())
    assert seen and all(seen) and not glibc.on


@pytest.mark.parametrize("missing", [OSError, AttributeError])
def test_another_c_library_has_no_such_setting(
    monkeypatch: pytest.MonkeyPatch, missing: type[Exception]
) -> None:
    def load(name: str | None) -> Any:
        if missing is OSError and name is not None:
            raise OSError(name)
        return SimpleNamespace()

    monkeypatch.setattr("ctypes.CDLL", load)
    monkeypatch.setattr(allocator, "is_set_by_user", lambda environment: False)
    with steady_allocator(CPU):
        pass
