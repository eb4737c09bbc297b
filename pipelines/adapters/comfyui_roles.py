"""Which nodes of a ComfyUI workflow take what an edit is given, and which give its pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from editproof.pipelines.adapters.comfyui_graph import Graph, Node, list_nodes
from editproof.pipelines.adapters.fields import ServerFields
from editproof.pipelines.contract import ContractError

LOADER = "LoadImage"
"""Its slot 0 is the image, slot 1 is 1 - alpha."""
MASK_SLOT = 1
MASK_LOADER = "LoadImageMask"
MASK_READERS = frozenset({"ImageToMask", "ImageColorToMask"})
"""Classes that make a mask of an image."""

SAVERS = ("SaveImage", "PreviewImage")

SEEDS = ("seed", "noise_seed")
NUMBERS = (*SEEDS, "value", "int", "number")
"""Inputs that hold a seed in a node which gives a number."""

TEXTS = ("text", "prompt", "clip_l", "t5xxl", "value", "string")
"""Inputs that hold a prompt."""

STAGE_TITLE = "stage:"


class NodeFields(ServerFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the adapter can be told of nodes. A node is named by its id or its title."""

    image_node: str | int = ""
    """Takes the image. Empty: the node titled "image", else the only LoadImage."""
    mask_node: str | int = ""
    """Takes the mask. Empty: the node titled "mask", else the only LoadImageMask, or LoadImage that
    serves as a mask, else the image's alpha where the workflow reads it."""
    prompt_node: str | int = ""
    """Takes the prompt. Empty: the node titled "prompt", else the only positive text encoder."""
    keep_prompt: bool = False
    """Whether the workflow's own prompt stays, whatever a case asks for."""
    seed_node: str | int = ""
    """Takes the seed. Empty: every seed and noise_seed of the workflow, and the node "seed"."""
    output_node: str | int = ""
    """Gives the picture. Empty: the node titled "output", else the only SaveImage, else the only
    PreviewImage."""
    stages: dict[str, str | int] = msgspec.field(default_factory=dict)
    """Nodes whose pictures the result shows as stages, by the stage's name, beside those titled
    "stage: NAME". They give an image or a mask."""


@dataclass(frozen=True, slots=True)
class Place:
    """An input of a node."""

    node: str
    input: str


@dataclass(frozen=True, slots=True)
class Roles:
    """What the nodes of a workflow are for."""

    image: Place
    mask: Place | None
    """None: it takes no mask. The same as `image`: the image's alpha is the mask."""
    prompt: tuple[Place, ...]
    seeds: tuple[Place, ...]
    output: Node
    stages: tuple[tuple[str, Node], ...]
    """Stages by name, each before those that depend on it."""

    def fill(
        self, graph: Graph, image: str, mask: str, prompt: str, seed: int
    ) -> dict[str, dict[str, Any]]:
        """The workflow with the names of uploaded files, prompt and seed. An empty prompt: the
        workflow's own.
        """
        filled = {key: {**node, "inputs": {**node["inputs"]}} for key, node in graph.table.items()}
        values: list[tuple[Place, object]] = [(self.image, image)]
        values += [(self.mask, mask)] if self.mask and self.mask != self.image else []
        values += [(place, prompt) for place in self.prompt if prompt]
        values += [(place, seed) for place in self.seeds]
        for place, value in values:
            filled[place.node]["inputs"][place.input] = value
        return filled


def find_roles(graph: Graph, fields: NodeFields) -> Roles:
    """What each node is for: as named, else by its title, else by its class. Raises ContractError
    where that is missing or not clear.
    """
    stages = _find_stages(graph, fields.stages)
    image = _find_image(graph, str(fields.image_node))
    mask = _find_mask(graph, str(fields.mask_node), image)
    output = _find_output(graph, str(fields.output_node), {node.id for _, node in stages})
    _check_dependence(graph, output, {"image": image, "mask": mask})
    return Roles(
        _find_file_input(graph, image),
        _find_file_input(graph, mask) if mask else None,
        () if fields.keep_prompt else _find_prompt(graph, str(fields.prompt_node)),
        _find_seeds(graph, str(fields.seed_node)),
        output,
        stages,
    )


def _takes_file(node: Node) -> bool:
    return bool(node.literals(["image"], str))


def _find_file_input(graph: Graph, node: Node) -> Place:
    if not _takes_file(node):
        raise ContractError(
            f"{graph.where}: node {node} has no input `image` that holds a file's name. Name a node"
            f" that loads a picture, such as {LOADER}"
        )
    return Place(node.id, "image")


def _find_image(graph: Graph, named: str) -> Node:
    loaders = [node for node in graph if node.kind == LOADER]
    masks = [node for node in loaders if _is_mask(graph, node)] if len(loaders) > 1 else []
    candidates = [node for node in loaders if node not in masks]
    if found := graph.choose("image", named, candidates, _takes_file):
        return found
    raise ContractError(
        f"{graph.where}: no node takes the image: none is called 'image', and none is a {LOADER}."
        f' Name its id: image_node = "…". {list_nodes(graph)}'
    )


def _find_mask(graph: Graph, named: str, image: Node) -> Node | None:
    """The image's own node: its alpha is the mask. None: the workflow takes no mask."""
    candidates = [node for node in graph if node.kind == MASK_LOADER] + [
        node
        for node in graph
        if node.kind == LOADER and node is not image and _is_mask(graph, node)
    ]
    if found := graph.choose("mask", named, candidates, _takes_file):
        return found
    reads_alpha = any(slot == MASK_SLOT for _, _, slot in graph.find_readers(image.id))
    return image if image.kind == LOADER and reads_alpha else None


def _is_mask(graph: Graph, loader: Node) -> bool:
    """Whether only a mask is made of what it loads."""
    readers = graph.find_readers(loader.id)
    return bool(readers) and all(
        slot == MASK_SLOT or node.kind in MASK_READERS for node, _, slot in readers
    )


def _find_prompt(graph: Graph, named: str) -> tuple[Place, ...]:
    """Empty: the workflow takes no prompt."""
    encoders = [node for node in graph if "TextEncode" in node.kind]
    positive = [node for node in encoders if not _is_negative(graph, node)]
    node = graph.choose(
        "prompt", named, positive or encoders, lambda node: _find_texts(graph, node)
    )
    if node is None:
        return ()
    if places := _find_texts(graph, node):
        return places
    raise ContractError(
        f"{graph.where}: node {node} has no input that holds a text: {', '.join(TEXTS)}. Name"
        ' another, prompt_node = "…", or keep the workflow\'s own: keep_prompt = true'
    )


def _is_negative(graph: Graph, encoder: Node) -> bool:
    readers = graph.find_readers(encoder.id)
    return bool(readers) and all(name == "negative" for _, name, _ in readers)


def _find_texts(graph: Graph, node: Node) -> tuple[Place, ...]:
    return _find_values(graph, node, TEXTS, TEXTS, str)


def _find_seeds(graph: Graph, named: str) -> tuple[Place, ...]:
    """Every seed of the workflow, or of the node that is named. Empty: it takes no seed."""
    if not named:
        titled = [
            place for node in graph.find_titled("seed") for place in _find_number(graph, node)
        ]
        all_seeds = (
            place for node in graph for place in _find_values(graph, node, SEEDS, NUMBERS, int)
        )
        return tuple(dict.fromkeys([*titled, *all_seeds]))
    node = graph.find(named, "seed_node")
    if places := _find_number(graph, node):
        return places
    raise ContractError(
        f"{graph.where}: node {node} has no input that holds a seed: {', '.join(NUMBERS)}. Name"
        ' another: seed_node = "…"'
    )


def _find_number(graph: Graph, node: Node) -> tuple[Place, ...]:
    return _find_values(graph, node, NUMBERS, NUMBERS, int)


def _find_values(
    graph: Graph, node: Node, names: Iterable[str], behind: Iterable[str], kind: type
) -> tuple[Place, ...]:
    """Where the values of these inputs stand: in the node itself; where one is linked, in the node
    before it, whose inputs are called as in `behind`.
    """
    places = [Place(node.id, name) for name in node.literals(names, kind)]
    for name, source, _ in node.links:
        if name in names and source in graph.nodes:
            before = graph.nodes[source]
            places += [Place(before.id, one) for one in before.literals(behind, kind)]
    return tuple(places)


def _find_output(graph: Graph, named: str, stages: set[str]) -> Node:
    for kind in SAVERS:
        candidates = [node for node in graph if node.kind == kind and node.id not in stages]
        if found := graph.choose("output", named, candidates, bool):
            return found
    raise ContractError(
        f"{graph.where}: no node gives the picture: none is called 'output', and none is"
        f' {" or ".join(SAVERS)}. Name its id: output_node = "…". {list_nodes(graph)}'
    )


def _find_stages(graph: Graph, named: Mapping[str, str | int]) -> tuple[tuple[str, Node], ...]:
    stages = {
        node.title.strip()[len(STAGE_TITLE) :].strip() or node.kind: node
        for node in graph
        if node.title.strip().casefold().startswith(STAGE_TITLE)
    }
    stages |= {name: graph.find(str(node), f"stages.{name}") for name, node in named.items()}
    order = {node.id: position for position, node in enumerate(graph)}
    return tuple(
        sorted(
            stages.items(),
            key=lambda stage: (len(graph.find_sources(stage[1].id)), order[stage[1].id]),
        )
    )


def _check_dependence(graph: Graph, output: Node, given: Mapping[str, Node | None]) -> None:
    """Raise ContractError where the picture that comes back can't show what was sent."""
    sources = graph.find_sources(output.id)
    for role, node in given.items():
        if node is not None and node.id not in sources:
            raise ContractError(
                f"{graph.where}: the output, node {output}, does not depend on the {role}, node"
                f' {node}. Name the right ones: {role}_node = "…", output_node = "…"'
            )
