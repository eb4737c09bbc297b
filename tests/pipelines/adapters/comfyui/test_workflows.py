"""Workflows on a ComfyUI server: their nodes, masks, stages, and every way in which it fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from editproof.pipelines.adapters.comfyui import Fields, build
from editproof.pipelines.adapters.comfyui_graph import read_graph
from editproof.pipelines.adapters.comfyui_roles import find_roles
from editproof.pipelines.adapters.errors import AnswerError, ServiceError
from editproof.pipelines.adapters.fields import ServerFields
from editproof.pipelines.adapters.names import find_adapter
from editproof.pipelines.contract import (
    ContractError,
)
from tests.pipelines.adapters.comfyui.edits import (
    IMAGE,
    LOAD,
    MASK,
    Maker,
    Nodes,
    artefact_of,
    edit,
    find_painted,
    image_of,
    make_graph,
    make_node,
)
from tests.pipelines.adapters.fake_comfyui import FakeComfyUI

DOCS = Path(__file__).parents[4] / "docs" / "how-to" / "comfyui.md"


def test_the_docs_name_every_field_and_their_graph_works(tmp_path: Path) -> None:
    """The page's table has the adapter's own fields, and its graph has what it says."""
    page = DOCS.read_text()
    own = set(Fields.__struct_fields__) - set(ServerFields.__struct_fields__)
    assert {name for name in own if f"| `{name}` |" not in page} == set()
    file = tmp_path / "graph.json"
    file.write_text(page.partition("```json\n")[2].partition("```")[0])
    roles = find_roles(read_graph(file), Fields(workflow=str(file)))
    assert (roles.image.node, roles.mask and roles.mask.node, roles.output.id) == ("1", "2", "7")
    assert [name for name, _ in roles.stages] == ["grown mask", "blurred", "composited"]


# What it is called


def test_the_short_form_names_file_and_server(tmp_path: Path) -> None:
    """The file is made absolute; nodes may be numbers."""
    text = "comfyui:a b.json?server=http://10.0.0.1:80/sub&image_node=12&stages.grown=7"
    adapter = find_adapter(text)
    assert adapter is not None
    assert adapter.fields.label == "a b"
    assert "a b.json" in adapter.fields.reaches
    assert "http://10.0.0.1:80/sub/" in adapter.fields.reaches
    located = find_adapter(adapter.locate(tmp_path))
    assert located is not None
    assert located.table["workflow"] == str(tmp_path / "a b.json")
    assert located.table["stages"] == {"grown": 7}


# Masks


MASKED: dict[str, tuple[Nodes, dict[str, Any]]] = {
    "LoadImageMask, red": (make_graph(), {}),
    "LoadImageMask, alpha": (
        make_graph(n2=make_node("LoadImageMask", image="x.png", channel="alpha")),
        {},
    ),
    "the image's own alpha": (
        make_graph(n2=None, n5=make_node("Paint", image=["1", 0], mask=["1", 1])),
        {},
    ),
    "a second LoadImage's mask": (
        make_graph(n2=LOAD, n5=make_node("Paint", image=["1", 0], mask=["2", 1])),
        {},
    ),
    "a second LoadImage as a picture": (
        make_graph(
            n2=LOAD,
            n3=make_node("ImageToMask", image=["2", 0], channel="red"),
            n5=make_node("Paint", image=["1", 0], mask=["3", 0]),
        ),
        {},
    ),
    "a workflow that inverts it": (
        make_graph(
            n3=make_node("InvertMask", mask=["2", 0]),
            n5=make_node("Paint", image=["1", 0], mask=["3", 0]),
        ),
        {"mask": "black"},
    ),
}


@pytest.mark.parametrize("kind", MASKED)
def test_a_mask_is_the_right_way_round(make: Maker, kind: str) -> None:
    """Whatever loads it: exactly what is masked is painted, and the rest comes back as it was."""
    nodes, fields = MASKED[kind]
    result = edit(make(nodes, **fields))
    assert np.array_equal(find_painted(result), MASK)
    assert np.array_equal(image_of(result)[MASK == 0], IMAGE[MASK == 0])


def test_a_workflow_without_a_mask_needs_none(make: Maker) -> None:
    """The suite is told so; one that takes a mask says what it lacks."""
    bare = make(make_graph(n2=None, n5=None, n9=make_node("SaveImage", images=["1", 0])))
    assert not bare.capabilities.needs_mask
    assert np.array_equal(image_of(edit(bare, mask=None)), IMAGE)
    with pytest.raises(ContractError, match="needs a mask"):
        edit(make(make_graph()), mask=None)


# Nodes


def test_titles_decide_before_classes(make: Maker, fake: FakeComfyUI) -> None:
    """Whatever the case of their letters."""
    nodes = make_graph(
        n1=make_node("LoadImage", " IMAGE ", image="x.png"),
        n3=LOAD,
        n8=make_node("SaveImage", "Output", images=["5", 0]),
    )
    result = edit(make(nodes))
    assert np.array_equal(find_painted(result), MASK)
    sent = fake.prompts[-1]["prompt"]
    assert sent["1"]["inputs"]["image"].startswith("editproof/")
    assert sent["3"]["inputs"]["image"] == "example.png"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n3": LOAD}, r"by 'image'.*image_node.*1 \(LoadImage\), 3 \(LoadImage\)"),
        ({"n1": None}, r"no node takes the image.*2 \(LoadImageMask\)"),
        ({"n9": None}, r"no node gives the picture.*5 \(Paint\)"),
        ({"n8": make_node("SaveImage", images=["1", 0])}, r"by 'output'.*output_node.*9 .*8 "),
        (
            {"n3": make_node("LoadImageMask", "Other mask", image="y.png", channel="red")},
            r"by 'mask'.*mask_node.*3 'Other mask' \(LoadImageMask\)",
        ),
        (
            {
                "n6": make_node("CLIPTextEncode", text="a"),
                "n7": make_node("CLIPTextEncode", text="b"),
            },
            r"by 'prompt'.*prompt_node.*6 .*7 ",
        ),
        ({"n5": make_node("Paint", image=["3", 0], mask=["2", 0])}, "does not depend on the image"),
    ],
)
def test_what_is_missing_or_not_clear_lists_the_candidates(
    make: Maker, changed: dict[str, Any], message: str
) -> None:
    """With the field that decides."""
    with pytest.raises(ContractError, match=message):
        make(make_graph(**changed))


@pytest.mark.parametrize("name", ["3", 3, "second"])
def test_a_node_is_named_by_its_id_or_title(
    make: Maker, fake: FakeComfyUI, name: str | int
) -> None:
    """A number in a table is an id."""
    nodes = make_graph(n3=make_node("LoadImage", "Second", image="y.png"))
    nodes["5"]["inputs"]["image"] = ["3", 0]
    edit(make(nodes, image_node=name))
    assert fake.prompts[-1]["prompt"]["3"]["inputs"]["image"].startswith("editproof/")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_node": "77"}, "image_node is '77', but no node has that id or title"),
        ({"image_node": "5"}, r"node 5 \(Paint\) has no input `image`"),
        ({"seed_node": "1"}, r"node 1 \(LoadImage\) has no input that holds a seed"),
        ({"prompt_node": "1"}, r"node 1 \(LoadImage\) has no input that holds a text"),
        ({"stages": {"grown": "x"}}, r"stages\.grown is 'x'"),
    ],
)
def test_a_wrong_name_is_an_error_that_says_which(
    make: Maker, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ContractError, match=message):
        make(make_graph(), **fields)


def test_the_positive_prompt_is_set(make: Maker, fake: FakeComfyUI) -> None:
    """Not the negative one; a text that stands in a node before it is found there; an empty one
    and `keep_prompt` leave the workflow's own.
    """
    nodes = make_graph(
        n3=make_node("PrimitiveString", value="mine"),
        n6=make_node("CLIPTextEncode", text=["3", 0]),
        n7=make_node("CLIPTextEncode", text="ugly"),
        n8=make_node("KSampler", positive=["6", 0], negative=["7", 0], seed=1),
    )

    def texts(asked: str, **fields: Any) -> tuple[str, str]:
        edit(make(nodes, **fields), prompt=asked)
        sent = fake.prompts[-1]["prompt"]
        return sent["3"]["inputs"]["value"], sent["7"]["inputs"]["text"]

    assert texts("theirs") == ("theirs", "ugly")
    assert texts("") == ("mine", "ugly")
    assert texts("theirs", keep_prompt=True) == ("mine", "ugly")


def test_every_seed_is_set(make: Maker, fake: FakeComfyUI) -> None:
    """Those of nodes, and one that stands in a node before; a named one alone, where it is."""
    nodes = make_graph(
        n6=make_node("PrimitiveInt", value=3),
        n7=make_node("KSampler", noise_seed=4, steps=20),
        n8=make_node("KSampler", seed=["6", 0]),
    )

    def seeds(**fields: Any) -> list[int]:
        pipeline = make(nodes, **fields)
        assert pipeline.stochastic
        assert pipeline.capabilities.takes_seed
        edit(pipeline, seed=99)
        sent = {key: node["inputs"] for key, node in fake.prompts[-1]["prompt"].items()}
        assert sent["7"]["steps"] == 20
        return [sent["5"]["seed"], sent["6"]["value"], sent["7"]["noise_seed"]]

    assert seeds() == [99, 99, 99]
    assert seeds(seed_node="7") == [7, 3, 99]


def test_a_workflow_without_a_seed_says_so(make: Maker) -> None:
    """Its edits are not samples."""
    pipeline = make(make_graph(n5=make_node("Paint", image=["1", 0], mask=["2", 0])))
    assert not pipeline.stochastic
    assert not pipeline.capabilities.takes_seed


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"nodes": [], "links": []}', r"Export \(API\)"),
        ('{"1": {"inputs": {}}}', r"Export \(API\)"),
        ("{}", r"Export \(API\)"),
        ("[", "not valid JSON"),
        (None, "can't be read"),
    ],
)
def test_a_file_that_no_server_takes_says_how_to_export(
    make: Maker, content: str | None, message: str
) -> None:
    if content is not None:
        make.file.write_text(content)
    with pytest.raises(ContractError, match=message):
        build(json.dumps({"workflow": str(make.file), "server": make.url}))


# Pictures that come back


def test_stages_are_what_nodes_made(make: Maker) -> None:
    """Named in a table or by a title, in the order of the workflow; the whole shows its picture,
    too. A node that saves nothing gets a preview.
    """
    nodes = make_graph(
        n7=make_node("PreviewImage", "Stage: painted", images=["5", 0]),
        n8=make_node("InvertMask", "stage: kept", mask=["2", 0]),
    )
    result = edit(make(nodes, stages={"loaded": 1}))
    loaded, kept, painted, whole = result.stages
    assert [stage.name for stage in result.stages[:3]] == ["loaded", "kept", "painted"]
    assert np.array_equal(artefact_of(loaded), IMAGE)
    assert np.array_equal(artefact_of(kept)[..., 0], 1 - MASK)
    assert np.array_equal(artefact_of(painted), image_of(result))
    assert np.array_equal(artefact_of(whole), image_of(result))


def test_a_stage_that_is_no_picture_is_an_error(make: Maker) -> None:
    nodes = make_graph(n8=make_node("KSampler", seed=1))
    with pytest.raises(ContractError, match=r"node 8 \(KSampler\) gives no image .* LATENT"):
        make(nodes, stages={"sampled": "8"})


def test_stages_may_have_any_size(make: Maker) -> None:
    """Only the picture itself must be as large as was asked for."""
    nodes = make_graph(n8=make_node("InvertMask", "stage: no alpha", mask=["1", 1]))
    assert artefact_of(edit(make(nodes)).stages[0]).shape == (64, 64, 3)


def test_the_first_of_several_pictures_is_taken_and_that_is_noted(make: Maker) -> None:
    """A batch of a node that keeps its pictures for a while only."""
    nodes = make_graph(
        n6=make_node("ImageBatch", image1=["5", 0], image2=["1", 0]),
        n9=make_node("PreviewImage", images=["6", 0]),
    )
    result = edit(make(nodes))
    assert np.array_equal(find_painted(result), MASK)
    assert "the first of 2 pictures" in result.stages[-1].decision


# What makes results honest


def test_the_same_edit_twice_is_made_twice(make: Maker, fake: FakeComfyUI) -> None:
    """A server answers an identical prompt with the old pictures; ours are never identical, and
    each has a client of its own.
    """
    pipeline = make(make_graph())
    first, second = edit(pipeline), edit(pipeline)
    assert np.array_equal(image_of(first), image_of(second))
    assert len(fake.cache) == 2
    assert len({body["client_id"] for body in fake.prompts}) == 2


def test_an_answer_from_the_cache_is_noticed(make: Maker, fake: FakeComfyUI) -> None:
    fake.ignores_names = True
    pipeline = make(make_graph())
    edit(pipeline)
    with pytest.raises(AnswerError, match=r"from its cache: node 9 \(SaveImage\) was not run"):
        edit(pipeline)


def test_a_fingerprint_covers_workflow_and_server(make: Maker, fake: FakeComfyUI) -> None:
    """Not what changes by itself, such as free memory."""
    first = make(make_graph()).fingerprint
    fake.stats["system"]["ram_free"] = 2
    fake.stats["devices"][0]["vram_free"] = 2
    assert make(make_graph()).fingerprint == first
    other = make_graph()
    other["5"]["inputs"]["strength"] = 0.5
    assert make(other).fingerprint != first
    fake.stats["system"]["comfyui_version"] = "0.3.65"
    assert make(make_graph()).fingerprint != first


def test_a_server_that_changes_during_a_run_is_noticed(make: Maker, fake: FakeComfyUI) -> None:
    pipeline = make(make_graph())
    fake.upgrades = True
    with pytest.raises(ServiceError, match=r"comfyui_version was 0\.3\.64, is 0\.3\.65"):
        edit(pipeline)


def test_the_servers_name_of_an_upload_is_used(make: Maker, fake: FakeComfyUI) -> None:
    fake.renames = True
    assert np.array_equal(find_painted(edit(make(make_graph()))), MASK)


def test_a_history_that_comes_late_is_waited_for(make: Maker, fake: FakeComfyUI) -> None:
    fake.looks_before_history = 5
    assert np.array_equal(find_painted(edit(make(make_graph()))), MASK)
