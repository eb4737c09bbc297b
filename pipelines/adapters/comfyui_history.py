"""What ComfyUI's server says of a prompt: why it refuses it, how it ended, and what it made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from editproof.pipelines.adapters.answers import cut_line
from editproof.pipelines.adapters.comfyui_graph import Graph
from editproof.pipelines.adapters.errors import AnswerError, ServiceError

ERROR = "execution_error"
INTERRUPTED = "execution_interrupted"
CACHED = "execution_cached"


class History:
    """What the history has of one prompt."""

    def __init__(self, entry: Mapping[str, Any], graph: Graph) -> None:
        self._graph = graph
        status = _table(entry.get("status"))
        self._outputs = _table(entry.get("outputs"))
        self._messages = [
            (message[0], _table(message[1]))
            for message in _list(status.get("messages"))
            if isinstance(message, list) and len(message) == 2
        ]
        self._has_failed = status.get("status_str") == "error"
        self.is_over = bool(status) or bool(self._outputs)
        """Whether the prompt has ended, in whatever way."""

    def check(self, output: str) -> None:
        """Raise ServiceError where the prompt failed, and AnswerError where the node `output` was
        not run.
        """
        for event, data in self._messages:
            if event == ERROR:
                problem = f"{data.get('exception_type', '')}: {data.get('exception_message', '')}"
                raise ServiceError(f"{self._place(data)} failed: {cut_line(problem)}")
            if event == INTERRUPTED:
                raise ServiceError(
                    f"somebody interrupted the edit on the server, at {self._place(data)}"
                )
            if event == CACHED and output in _list(data.get("nodes")):
                raise AnswerError(
                    f"the server answered from its cache: {name_node(self._graph, output)} was not"
                    " run, although it depends on a picture with a new name. Neither its time nor"
                    " its noise can be measured so"
                )
        if self._has_failed:
            raise ServiceError("the server says that the edit failed, and not why; its log may")

    def list_images(self, node: str) -> list[Mapping[str, str]]:
        """What the node made: filename, subfolder and type of each."""
        images = _list(_table(self._outputs.get(node)).get("images"))
        return [image for image in images if isinstance(image, dict) and "filename" in image]

    @property
    def makers(self) -> list[str]:
        """The nodes that made pictures."""
        return [name_node(self._graph, one) for one in self._outputs if self.list_images(one)]

    def _place(self, data: Mapping[str, Any]) -> str:
        return name_node(self._graph, str(data.get("node_id")), str(data.get("node_type", "")))


def explain_refusal(answer: object, graph: Graph) -> str:
    """What the server does not accept: each node, its input, and why; empty: it accepts all."""
    table = _table(answer)
    problems = [
        f"{name_node(graph, node_id, str(_table(node).get('class_type', '')))}{problem}"
        for node_id, node in _table(table.get("node_errors")).items()
        for problem in _describe_errors(_table(node))
    ]
    if problems:
        return cut_line("; ".join(problems))
    error = table.get("error")
    if isinstance(error, dict):
        return cut_line(f"{error.get('message', '')} {error.get('details', '')}")
    return cut_line(str(error)) if error else ""


def _describe_errors(node: Mapping[str, Any]) -> Iterator[str]:
    for error in map(_table, _list(node.get("errors"))):
        name = _table(error.get("extra_info")).get("input_name")
        where = f", input {name!r}" if name else ""
        parts = [str(error.get(key) or "") for key in ("message", "details")]
        said = " ".join(part for part in parts if part and part != name)
        yield f"{where}: {said}"


def name_node(graph: Graph, node_id: str, kind: str = "") -> str:
    """A node for a message; those that another node made while running are not in the graph."""
    node = graph.nodes.get(node_id)
    return f"node {node}" if node else f"node {node_id} ({kind})" if kind else f"node {node_id}"


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
