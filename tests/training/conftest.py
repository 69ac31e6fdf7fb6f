"""The corpus, composed once for all tests that read it: it takes some ten seconds."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def corpus() -> ModuleType:
    """`training/corpus.py`."""
    spec = importlib.util.spec_from_file_location("training_corpus", ROOT / "training/corpus.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["training_corpus"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def composed(corpus: ModuleType) -> list[Any]:
    """Every row of the corpus."""
    return list(corpus.rows())
