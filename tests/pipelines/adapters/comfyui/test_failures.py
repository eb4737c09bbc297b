"""A ComfyUI server that refuses, fails, forgets, or is another server."""

from __future__ import annotations

import pytest

from editproof.pipelines.adapters.errors import AdapterError, AnswerError, ServiceError
from editproof.pipelines.contract import (
    ContractError,
)
from tests.pipelines.adapters.comfyui.edits import (
    Maker,
    edit,
    make_graph,
    make_node,
)
from tests.pipelines.adapters.fake_comfyui import FakeComfyUI


def test_unknown_classes_are_named_at_load(make: Maker) -> None:
    nodes = make_graph(n6=make_node("Foo/Bar", "My node", image=["1", 0]), n7=make_node("Baz"))
    with pytest.raises(
        ContractError, match=r"does not know 6 'My node' \(Foo/Bar\), 7 \(Baz\)\. Install"
    ):
        make(nodes)


NODE_ERRORS = {
    "5": {
        "class_type": "Paint",
        "dependent_outputs": ["9"],
        "errors": [
            {
                "type": "value_bigger_than_max",
                "message": "Value 99 bigger than max of 31",
                "details": "seed",
                "extra_info": {"input_name": "seed"},
            }
        ],
    }
}
PROBLEM = r"refuses my graph ü\.json: node 5 \(Paint\), input 'seed': Value 99 bigger than max"


def test_a_refused_workflow_names_node_and_input(make: Maker, fake: FakeComfyUI) -> None:
    pipeline = make(make_graph())
    fake.refusal = {"error": {"message": "failed validation"}, "node_errors": NODE_ERRORS}
    with pytest.raises(ServiceError, match=PROBLEM):
        edit(pipeline)


@pytest.mark.parametrize("node_errors", [{}, []])
def test_a_refusal_without_a_node_is_quoted(
    make: Maker, fake: FakeComfyUI, node_errors: object
) -> None:
    pipeline = make(make_graph())
    fake.refusal = {
        "error": {"type": "prompt_no_outputs", "message": "Prompt has no outputs", "details": ""},
        "node_errors": node_errors,
    }
    with pytest.raises(ServiceError, match="Prompt has no outputs"):
        edit(pipeline)


def test_a_workflow_that_is_run_in_part_is_taken_back(make: Maker, fake: FakeComfyUI) -> None:
    """The server runs what it accepts, which is not what was asked for."""
    pipeline = make(make_graph())
    fake.node_errors, fake.is_endless = NODE_ERRORS, True
    with pytest.raises(ServiceError, match=PROBLEM):
        edit(pipeline)
    assert not fake.running


def test_an_execution_error_names_the_node(make: Maker, fake: FakeComfyUI) -> None:
    """One that a node made while running has no title."""
    failed = {
        "node_id": "5",
        "node_type": "Paint",
        "exception_type": "RuntimeError",
        "exception_message": "CUDA out of\nmemory",
    }
    pipeline = make(make_graph())
    fake.ending = [["execution_start", {}], ["execution_error", failed]]
    with pytest.raises(
        ServiceError, match=r"node 5 \(Paint\) failed: RuntimeError: CUDA out of memory"
    ):
        edit(pipeline)
    fake.ending = [["execution_error", {**failed, "node_id": "5.0.1"}]]
    with pytest.raises(ServiceError, match=r"node 5\.0\.1 \(Paint\) failed"):
        edit(pipeline)


def test_an_interrupted_edit_is_an_error(make: Maker, fake: FakeComfyUI) -> None:
    pipeline = make(make_graph())
    fake.ending = [["execution_interrupted", {"node_id": "5", "node_type": "Paint"}]]
    with pytest.raises(ServiceError, match=r"interrupted the edit .* node 5 \(Paint\)"):
        edit(pipeline)


def test_a_failure_without_a_reason_is_an_error(make: Maker, fake: FakeComfyUI) -> None:
    pipeline = make(make_graph())
    fake.ending = [["execution_start", {}]]
    with pytest.raises(ServiceError, match="failed, and not why"):
        edit(pipeline)


def test_an_edit_that_never_ends_is_taken_back(make: Maker, fake: FakeComfyUI) -> None:
    """From the queue, and where it runs already by an interrupt of it alone."""
    pipeline = make(make_graph(), edit_timeout_s=0.4)
    fake.is_endless = True
    with pytest.raises(ServiceError, match="_timeout_s"):
        edit(pipeline)
    assert not fake.running
    assert [path for path, _ in fake.asked] == ["/queue", "/interrupt"]


def test_an_edit_that_the_server_forgot_is_an_error(
    make: Maker, fake: FakeComfyUI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was restarted in the middle."""
    monkeypatch.setattr("editproof.pipelines.adapters.comfyui.LONGEST_POLL_S", 0.03)
    pipeline = make(make_graph())
    fake.forgets = True
    with pytest.raises(ServiceError, match="no longer knows the edit"):
        edit(pipeline)


def test_an_output_without_a_picture_is_an_error(make: Maker, fake: FakeComfyUI) -> None:
    pipeline = make(make_graph())
    fake.is_empty = True
    with pytest.raises(AnswerError, match=r"node 9 \(SaveImage\) gave no picture"):
        edit(pipeline)


def test_a_picture_that_is_gone_is_an_error(make: Maker, fake: FakeComfyUI) -> None:
    pipeline = make(make_graph())
    fake.lacks_files = True
    with pytest.raises(ServiceError, match="view answered 404"):
        edit(pipeline)


def test_another_server_is_not_taken_for_comfyui(make: Maker, fake: FakeComfyUI) -> None:
    fake.stats = {"system": {}}
    with pytest.raises(AdapterError, match="not a ComfyUI server"):
        make(make_graph())
