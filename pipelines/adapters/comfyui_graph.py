"""A ComfyUI workflow as its server takes it: nodes by their id, and which depend on which."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from editproof.pipelines.contract import ContractError

MOST_LISTED = 20
"""Nodes that a message lists."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a workflow."""

    id: str
    kind: str
    """Its class, e.g. KSampler."""
    title: str
    inputs: Mapping[str, Any]
    """A value, or `[id, slot]`: an output of another node."""

    def __str__(self) -> str:
        titled = f"{self.title!r} " if self.title and self.title != self.kind else ""
        return f"{self.id} {titled}({self.kind})"

    @property
    def links(self) -> Iterator[tuple[str, str, int]]:
        """Inputs that are another node's output: input, id and slot."""
        for name, value in self.inputs.items():
            if is_link(value):
                yield name, value[0], value[1]

    def literals(self, names: Iterable[str], kind: type) -> tuple[str, ...]:
        """Those of its inputs that hold a value of that type themselves."""
        return tuple(name for name in names if type(self.inputs.get(name)) is kind)


class Graph:
    """A workflow."""

    def __init__(self, table: Mapping[str, Any], where: str) -> None:
        """`table`: as the file has it. `where`: for messages."""
        self.table = table
        self.where = where
        self.nodes = {key: _read_node(key, value) for key, value in table.items()}

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes.values())

    @property
    def hash(self) -> str:
        """Of all that it says."""
        text = json.dumps(self.table, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def find(self, name: str, field: str) -> Node:
        """The node of that id or title. Raises ContractError, naming the field, where there is none
        or more than one.
        """
        if name in self.nodes:
            return self.nodes[name]
        found = self.find_titled(name)
        if len(found) == 1:
            return found[0]
        problem = "more than one node is called so" if found else "no node has that id or title"
        raise ContractError(
            f"{self.where}: {field} is {name!r}, but {problem}. {list_nodes(found or self)}"
        )

    def find_titled(self, title: str) -> list[Node]:
        """The nodes of that title, whatever the case of its letters."""
        wanted = title.strip().casefold()
        return [node for node in self if node.title.strip().casefold() == wanted]

    def find_readers(self, node_id: str) -> list[tuple[Node, str, int]]:
        """Which nodes read its outputs: the node, its input and the slot."""
        return [
            (node, name, slot)
            for node in self
            for name, source, slot in node.links
            if source == node_id
        ]

    def find_sources(self, node_id: str) -> set[str]:
        """The node itself and all that it depends on."""
        found: set[str] = set()
        waiting = [node_id]
        while waiting:
            current = waiting.pop()
            if current in found or current not in self.nodes:
                continue
            found.add(current)
            waiting.extend(source for _, source, _ in self.nodes[current].links)
        return found

    def choose(
        self, role: str, named: str, candidates: Iterable[Node], fits: Callable[[Node], object]
    ) -> Node | None:
        """The node of a role: as named in the field `ROLE_node`; else by the title ROLE; else the
        only candidate. Of that title, only nodes that fit. None: nothing can be meant. Raises
        ContractError where more than one can.
        """
        field = f"{role}_node"
        if named:
            return self.find(named, field)
        titled = [node for node in self.find_titled(role) if fits(node)]
        for found in (titled, list(candidates)):
            if len(found) == 1:
                return found[0]
            if found:
                raise ContractError(
                    f"{self.where}: more than one node can be meant by {role!r}. Give one of them"
                    f' the title {role!r}, or name its id: {field} = "…". {list_nodes(found)}'
                )
        return None


def is_link(value: object) -> bool:
    """Whether an input's value means another node's output."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)


def list_nodes(nodes: Iterable[Node]) -> str:
    """The nodes, for a message."""
    names = [str(node) for node in nodes]
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return f"Nodes: {', '.join(names[:MOST_LISTED])}{more}"


def read_graph(path: Path) -> Graph:
    """Read a workflow's file. Raises ContractError where it can't be sent to a server."""
    try:
        table = json.loads(path.read_bytes())
    except OSError as error:
        raise ContractError(f"the workflow {path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise ContractError(f"the workflow {path} is not valid JSON: {error}") from error
    if isinstance(table, dict) and isinstance(table.get("nodes"), list):
        raise ContractError(
            f"{path} is a workflow as ComfyUI's editor saves it; its server takes another format."
            ' Open it in ComfyUI, choose "Export (API)" in the menu, and name the file that it'
            " writes"
        )
    if not isinstance(table, dict) or not table or not all(map(_is_node, table.values())):
        raise ContractError(
            f"{path} is not a ComfyUI workflow in the API format, where each node has class_type"
            ' and inputs. Choose "Export (API)" in ComfyUI\'s menu, and name the file that it'
            " writes"
        )
    return Graph(table, path.name)


def _is_node(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("class_type"), str)
        and isinstance(value.get("inputs"), dict)
    )


def _read_node(node_id: str, value: Mapping[str, Any]) -> Node:
    meta = value.get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else None
    return Node(node_id, value["class_type"], str(title or ""), value["inputs"])
