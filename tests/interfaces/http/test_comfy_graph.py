"""Graphs: one form is understood, and every other is refused with the node named."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.arrival import Upload
from rambarde.interfaces.http.dialects.comfy_graph import understand
from rambarde.nouns.fault import Fault
from rambarde.nouns.request import Action
from tests.interfaces.http import graphs


def find(name: str) -> Upload:
    return Upload(name.encode(), filename=name)


def test_words_and_numbers() -> None:
    meant = understand(graphs.text("a lighthouse", n=3), find)
    draft = meant.draft
    assert (draft.prompt, draft.negative_prompt, draft.n, draft.size) == (
        "a lighthouse",
        "blurry",
        3,
        "256x128",
    )
    assert (draft.model, meant.action, meant.output, meant.sampler) == (
        "a-model.safetensors", Action.GENERATE, "9", "3"
    )  # fmt: skip
    assert dict(draft.options) == {
        "seed": "5", "steps": "20", "cfg_scale": "8.0", "sampler_name": "euler", "scheduler": "normal"
    }  # fmt: skip


def test_pictures() -> None:
    named = understand(graphs.edit("make it brighter"), find)
    assert named.action is Action.EDIT and named.draft.images[0].data == b"cup.png"
    assert dict(named.draft.options)["denoising_strength"] == "0.5"
    inline = understand(graphs.edit("make it brighter", "QUJD", kind="ETN_LoadImageBase64"), find)
    assert inline.draft.images[0].data == b"ABC"


def change(*path: Any, to: Any) -> Any:
    def changed(graph: dict[str, Any]) -> dict[str, Any]:
        at: Any = graph
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = to
        return graph

    return changed


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        (change("11", to={"class_type": "LoraLoader", "inputs": {}}), "graph_node_unknown"),
        (change("6", "class_type", to="CLIPTextEncodeSDXL"), "graph_node_unknown"),
        (change("6", "class_type", to=["CLIPTextEncode"]), "graph_node_unknown"),
        (change("6", "inputs", "text", to=["11", 0]), "graph_value"),
        (change("6", "inputs", "extra", to=1), "graph_input_unknown"),
        (change("6", "inputs", to=None), "graph_invalid"),
        (change("6", to=["CLIPTextEncode"]), "graph_invalid"),
        (change("6", "is_changed", to=True), "graph_invalid"),
        (change("8", "inputs", "samples", to=["5", 0]), "graph_link"),
        (change("8", "inputs", "samples", to=["8", 0]), "graph_link"),
        (change("8", "inputs", "samples", to=["99", 0]), "graph_link"),
        (change("8", "inputs", "samples", to=["3", True]), "graph_link"),
        (change("8", "inputs", "samples", to=["3", 1]), "graph_link"),
        (change("8", "inputs", "samples", to="3"), "graph_link"),
        (change("3", "inputs", "positive", to=["4", 0]), "graph_link"),
        (change("3", "inputs", "steps", to=100_000), "graph_value"),
        (change("3", "inputs", "steps", to=True), "graph_value"),
        (change("3", "inputs", "cfg", to=float("nan")), "graph_value"),
        (change("5", "inputs", "width", to=1_000_000), "graph_value"),
        (change("9", to=graphs.text()["8"]), "graph_outputs"),
        (change("10", to={"class_type": "PreviewImage", "inputs": {"images": ["8", 0]}}), "graph_outputs"),
        (change("10", to=graphs.text()["6"]), "graph_node_unused"),
    ],
)  # fmt: skip
def test_what_is_not_understood(changed: Any, code: str) -> None:
    with pytest.raises(Fault) as caught:
        understand(changed(graphs.text()), find)
    assert caught.value.code == code and caught.value.remedy


@pytest.mark.parametrize("graph", [None, {}, [], "x", {str(i): {} for i in range(65)}])
def test_no_graph(graph: Any) -> None:
    with pytest.raises(Fault) as caught:
        understand(graph, find)
    assert caught.value.code == "graph_invalid"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(graphs.text())), st.sampled_from(["inputs", "class_type", None]), JSON)
def test_whatever_stands_in_a_node(id: str, key: str | None, value: Any) -> None:
    graph = copy.deepcopy(graphs.text())
    if key is None:
        graph[id] = value
    else:
        graph[id][key] = value
    try:
        understand(graph, find)
    except Fault as fault:
        assert fault.field and fault.remedy


@given(st.sampled_from(sorted(graphs.text())), JSON)
def test_whatever_stands_at_an_input(id: str, value: Any) -> None:
    for name in graphs.text()[id]["inputs"]:
        graph = copy.deepcopy(graphs.text())
        graph[id]["inputs"][name] = value
        try:
            meant = understand(graph, find)
        except Fault as fault:
            assert fault.field and fault.remedy
        else:
            assert isinstance(meant.draft.prompt, str) and isinstance(meant.draft.n, int)
