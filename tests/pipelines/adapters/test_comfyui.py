"""Workflows on a ComfyUI server: their nodes, masks, stages, and every way in which it fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from editproof.pipelines.adapters.comfyui import ComfyUI, Fields, build
from editproof.pipelines.adapters.comfyui_graph import read_graph
from editproof.pipelines.adapters.comfyui_roles import find_roles
from editproof.pipelines.adapters.errors import AdapterError, AnswerError, ServiceError
from editproof.pipelines.adapters.fields import ServerFields
from editproof.pipelines.adapters.names import find_adapter
from editproof.pipelines.contract import (
    ContractError,
    EditRequest,
    EditResult,
    Image,
    Mask,
    StageTrace,
)
from tests.pipelines.adapters.fake_comfyui import FakeComfyUI, FakeServer

Nodes = dict[str, dict[str, Any]]

DOCS = Path(__file__).parents[3] / "docs" / "how-to" / "comfyui.md"

LOAD = {"class_type": "LoadImage", "inputs": {"image": "example.png"}}


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running
        running.shutdown()


@pytest.fixture
def fake(server: FakeServer) -> FakeComfyUI:
    """A server without failures, just started."""
    server.comfyui = FakeComfyUI()
    return server.comfyui


def _node(kind: str, title: str = "", **inputs: Any) -> dict[str, Any]:
    meta = {"_meta": {"title": title}} if title else {}
    return {"class_type": kind, "inputs": inputs, **meta}


def _graph(**changed: Any) -> Nodes:
    """Paints where a mask is; nodes can be added, replaced, or removed by None."""
    nodes = {
        "1": LOAD,
        "2": _node("LoadImageMask", image="example.png", channel="red"),
        "5": _node("Paint", image=["1", 0], mask=["2", 0], seed=7),
        "9": _node("SaveImage", images=["5", 0]),
        **{name.removeprefix("n"): node for name, node in changed.items()},
    }
    return {name: node for name, node in nodes.items() if node is not None}


class Maker:
    """Loads a workflow as a pipeline of the fake server."""

    def __init__(self, folder: Path, url: str) -> None:
        self.file = folder / "my graph ü.json"
        self.url = url
        self.made: list[ComfyUI] = []

    def __call__(self, nodes: Any, **fields: Any) -> ComfyUI:
        self.file.write_text(json.dumps(nodes))
        table = {"workflow": str(self.file), "server": self.url, **fields}
        self.made.append(build(json.dumps(table)))
        return self.made[-1]


@pytest.fixture
def make(tmp_path: Path, server: FakeServer, fake: FakeComfyUI) -> Iterator[Maker]:
    maker = Maker(tmp_path, server.url)
    yield maker
    for pipeline in maker.made:
        pipeline.close()


def _picture() -> tuple[Image, Mask]:
    levels = np.random.default_rng(0).integers(0, 200, (24, 40, 3))
    mask = np.zeros((24, 40), np.float32)
    mask[5:12, 8:30] = 1
    return (levels / 255).astype(np.float32), mask


IMAGE, MASK = _picture()


def _edit(pipeline: ComfyUI, **changed: Any) -> EditResult:
    return pipeline(EditRequest(**{"image": IMAGE, "mask": MASK, **changed}))


def _image(result: EditResult) -> Image:
    """The picture, which must be there."""
    assert result.image is not None
    return result.image


def _artefact(stage: StageTrace) -> Image:
    """The stage's picture, which must be there."""
    assert stage.artefact is not None
    return stage.artefact


def _painted(result: EditResult) -> Mask:
    """Where the picture was painted over."""
    return (_image(result)[..., 2] > 0.9).astype(np.float32)


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
    "LoadImageMask, red": (_graph(), {}),
    "LoadImageMask, alpha": (
        _graph(n2=_node("LoadImageMask", image="x.png", channel="alpha")),
        {},
    ),
    "the image's own alpha": (
        _graph(n2=None, n5=_node("Paint", image=["1", 0], mask=["1", 1])),
        {},
    ),
    "a second LoadImage's mask": (
        _graph(n2=LOAD, n5=_node("Paint", image=["1", 0], mask=["2", 1])),
        {},
    ),
    "a second LoadImage as a picture": (
        _graph(
            n2=LOAD,
            n3=_node("ImageToMask", image=["2", 0], channel="red"),
            n5=_node("Paint", image=["1", 0], mask=["3", 0]),
        ),
        {},
    ),
    "a workflow that inverts it": (
        _graph(
            n3=_node("InvertMask", mask=["2", 0]),
            n5=_node("Paint", image=["1", 0], mask=["3", 0]),
        ),
        {"mask": "black"},
    ),
}


@pytest.mark.parametrize("kind", MASKED)
def test_a_mask_is_the_right_way_round(make: Maker, kind: str) -> None:
    """Whatever loads it: exactly what is masked is painted, and the rest comes back as it was."""
    nodes, fields = MASKED[kind]
    result = _edit(make(nodes, **fields))
    assert np.array_equal(_painted(result), MASK)
    assert np.array_equal(_image(result)[MASK == 0], IMAGE[MASK == 0])


def test_a_workflow_without_a_mask_needs_none(make: Maker) -> None:
    """The suite is told so; one that takes a mask says what it lacks."""
    bare = make(_graph(n2=None, n5=None, n9=_node("SaveImage", images=["1", 0])))
    assert not bare.capabilities.needs_mask
    assert np.array_equal(_image(_edit(bare, mask=None)), IMAGE)
    with pytest.raises(ContractError, match="needs a mask"):
        _edit(make(_graph()), mask=None)


# Nodes


def test_titles_decide_before_classes(make: Maker, fake: FakeComfyUI) -> None:
    """Whatever the case of their letters."""
    nodes = _graph(
        n1=_node("LoadImage", " IMAGE ", image="x.png"),
        n3=LOAD,
        n8=_node("SaveImage", "Output", images=["5", 0]),
    )
    result = _edit(make(nodes))
    assert np.array_equal(_painted(result), MASK)
    sent = fake.prompts[-1]["prompt"]
    assert sent["1"]["inputs"]["image"].startswith("editproof/")
    assert sent["3"]["inputs"]["image"] == "example.png"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n3": LOAD}, r"by 'image'.*image_node.*1 \(LoadImage\), 3 \(LoadImage\)"),
        ({"n1": None}, r"no node takes the image.*2 \(LoadImageMask\)"),
        ({"n9": None}, r"no node gives the picture.*5 \(Paint\)"),
        ({"n8": _node("SaveImage", images=["1", 0])}, r"by 'output'.*output_node.*9 .*8 "),
        (
            {"n3": _node("LoadImageMask", "Other mask", image="y.png", channel="red")},
            r"by 'mask'.*mask_node.*3 'Other mask' \(LoadImageMask\)",
        ),
        (
            {
                "n6": _node("CLIPTextEncode", text="a"),
                "n7": _node("CLIPTextEncode", text="b"),
            },
            r"by 'prompt'.*prompt_node.*6 .*7 ",
        ),
        ({"n5": _node("Paint", image=["3", 0], mask=["2", 0])}, "does not depend on the image"),
    ],
)
def test_what_is_missing_or_not_clear_lists_the_candidates(
    make: Maker, changed: dict[str, Any], message: str
) -> None:
    """With the field that decides."""
    with pytest.raises(ContractError, match=message):
        make(_graph(**changed))


@pytest.mark.parametrize("name", ["3", 3, "second"])
def test_a_node_is_named_by_its_id_or_title(
    make: Maker, fake: FakeComfyUI, name: str | int
) -> None:
    """A number in a table is an id."""
    nodes = _graph(n3=_node("LoadImage", "Second", image="y.png"))
    nodes["5"]["inputs"]["image"] = ["3", 0]
    _edit(make(nodes, image_node=name))
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
        make(_graph(), **fields)


def test_the_positive_prompt_is_set(make: Maker, fake: FakeComfyUI) -> None:
    """Not the negative one; a text that stands in a node before it is found there; an empty one
    and `keep_prompt` leave the workflow's own.
    """
    nodes = _graph(
        n3=_node("PrimitiveString", value="mine"),
        n6=_node("CLIPTextEncode", text=["3", 0]),
        n7=_node("CLIPTextEncode", text="ugly"),
        n8=_node("KSampler", positive=["6", 0], negative=["7", 0], seed=1),
    )

    def texts(asked: str, **fields: Any) -> tuple[str, str]:
        _edit(make(nodes, **fields), prompt=asked)
        sent = fake.prompts[-1]["prompt"]
        return sent["3"]["inputs"]["value"], sent["7"]["inputs"]["text"]

    assert texts("theirs") == ("theirs", "ugly")
    assert texts("") == ("mine", "ugly")
    assert texts("theirs", keep_prompt=True) == ("mine", "ugly")


def test_every_seed_is_set(make: Maker, fake: FakeComfyUI) -> None:
    """Those of nodes, and one that stands in a node before; a named one alone, where it is."""
    nodes = _graph(
        n6=_node("PrimitiveInt", value=3),
        n7=_node("KSampler", noise_seed=4, steps=20),
        n8=_node("KSampler", seed=["6", 0]),
    )

    def seeds(**fields: Any) -> list[int]:
        pipeline = make(nodes, **fields)
        assert pipeline.stochastic
        assert pipeline.capabilities.takes_seed
        _edit(pipeline, seed=99)
        sent = {key: node["inputs"] for key, node in fake.prompts[-1]["prompt"].items()}
        assert sent["7"]["steps"] == 20
        return [sent["5"]["seed"], sent["6"]["value"], sent["7"]["noise_seed"]]

    assert seeds() == [99, 99, 99]
    assert seeds(seed_node="7") == [7, 3, 99]


def test_a_workflow_without_a_seed_says_so(make: Maker) -> None:
    """Its edits are not samples."""
    pipeline = make(_graph(n5=_node("Paint", image=["1", 0], mask=["2", 0])))
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
    nodes = _graph(
        n7=_node("PreviewImage", "Stage: painted", images=["5", 0]),
        n8=_node("InvertMask", "stage: kept", mask=["2", 0]),
    )
    result = _edit(make(nodes, stages={"loaded": 1}))
    loaded, kept, painted, whole = result.stages
    assert [stage.name for stage in result.stages[:3]] == ["loaded", "kept", "painted"]
    assert np.array_equal(_artefact(loaded), IMAGE)
    assert np.array_equal(_artefact(kept)[..., 0], 1 - MASK)
    assert np.array_equal(_artefact(painted), _image(result))
    assert np.array_equal(_artefact(whole), _image(result))


def test_a_stage_that_is_no_picture_is_an_error(make: Maker) -> None:
    nodes = _graph(n8=_node("KSampler", seed=1))
    with pytest.raises(ContractError, match=r"node 8 \(KSampler\) gives no image .* LATENT"):
        make(nodes, stages={"sampled": "8"})


def test_stages_may_have_any_size(make: Maker) -> None:
    """Only the picture itself must be as large as was asked for."""
    nodes = _graph(n8=_node("InvertMask", "stage: no alpha", mask=["1", 1]))
    assert _artefact(_edit(make(nodes)).stages[0]).shape == (64, 64, 3)


def test_the_first_of_several_pictures_is_taken_and_that_is_noted(make: Maker) -> None:
    """A batch of a node that keeps its pictures for a while only."""
    nodes = _graph(
        n6=_node("ImageBatch", image1=["5", 0], image2=["1", 0]),
        n9=_node("PreviewImage", images=["6", 0]),
    )
    result = _edit(make(nodes))
    assert np.array_equal(_painted(result), MASK)
    assert "the first of 2 pictures" in result.stages[-1].decision


# What makes results honest


def test_the_same_edit_twice_is_made_twice(make: Maker, fake: FakeComfyUI) -> None:
    """A server answers an identical prompt with the old pictures; ours are never identical, and
    each has a client of its own.
    """
    pipeline = make(_graph())
    first, second = _edit(pipeline), _edit(pipeline)
    assert np.array_equal(_image(first), _image(second))
    assert len(fake.cache) == 2
    assert len({body["client_id"] for body in fake.prompts}) == 2


def test_an_answer_from_the_cache_is_noticed(make: Maker, fake: FakeComfyUI) -> None:
    fake.ignores_names = True
    pipeline = make(_graph())
    _edit(pipeline)
    with pytest.raises(AnswerError, match=r"from its cache: node 9 \(SaveImage\) was not run"):
        _edit(pipeline)


def test_a_fingerprint_covers_workflow_and_server(make: Maker, fake: FakeComfyUI) -> None:
    """Not what changes by itself, such as free memory."""
    first = make(_graph()).fingerprint
    fake.stats["system"]["ram_free"] = 2
    fake.stats["devices"][0]["vram_free"] = 2
    assert make(_graph()).fingerprint == first
    other = _graph()
    other["5"]["inputs"]["strength"] = 0.5
    assert make(other).fingerprint != first
    fake.stats["system"]["comfyui_version"] = "0.3.65"
    assert make(_graph()).fingerprint != first


def test_a_server_that_changes_during_a_run_is_noticed(make: Maker, fake: FakeComfyUI) -> None:
    pipeline = make(_graph())
    fake.upgrades = True
    with pytest.raises(ServiceError, match=r"comfyui_version was 0\.3\.64, is 0\.3\.65"):
        _edit(pipeline)


def test_the_servers_name_of_an_upload_is_used(make: Maker, fake: FakeComfyUI) -> None:
    fake.renames = True
    assert np.array_equal(_painted(_edit(make(_graph()))), MASK)


def test_a_history_that_comes_late_is_waited_for(make: Maker, fake: FakeComfyUI) -> None:
    fake.looks_before_history = 5
    assert np.array_equal(_painted(_edit(make(_graph()))), MASK)


# Failures


def test_unknown_classes_are_named_at_load(make: Maker) -> None:
    nodes = _graph(n6=_node("Foo/Bar", "My node", image=["1", 0]), n7=_node("Baz"))
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
    pipeline = make(_graph())
    fake.refusal = {"error": {"message": "failed validation"}, "node_errors": NODE_ERRORS}
    with pytest.raises(ServiceError, match=PROBLEM):
        _edit(pipeline)


@pytest.mark.parametrize("node_errors", [{}, []])
def test_a_refusal_without_a_node_is_quoted(
    make: Maker, fake: FakeComfyUI, node_errors: object
) -> None:
    pipeline = make(_graph())
    fake.refusal = {
        "error": {"type": "prompt_no_outputs", "message": "Prompt has no outputs", "details": ""},
        "node_errors": node_errors,
    }
    with pytest.raises(ServiceError, match="Prompt has no outputs"):
        _edit(pipeline)


def test_a_workflow_that_is_run_in_part_is_taken_back(make: Maker, fake: FakeComfyUI) -> None:
    """The server runs what it accepts, which is not what was asked for."""
    pipeline = make(_graph())
    fake.node_errors, fake.is_endless = NODE_ERRORS, True
    with pytest.raises(ServiceError, match=PROBLEM):
        _edit(pipeline)
    assert not fake.running


def test_an_execution_error_names_the_node(make: Maker, fake: FakeComfyUI) -> None:
    """One that a node made while running has no title."""
    failed = {
        "node_id": "5",
        "node_type": "Paint",
        "exception_type": "RuntimeError",
        "exception_message": "CUDA out of\nmemory",
    }
    pipeline = make(_graph())
    fake.ending = [["execution_start", {}], ["execution_error", failed]]
    with pytest.raises(
        ServiceError, match=r"node 5 \(Paint\) failed: RuntimeError: CUDA out of memory"
    ):
        _edit(pipeline)
    fake.ending = [["execution_error", {**failed, "node_id": "5.0.1"}]]
    with pytest.raises(ServiceError, match=r"node 5\.0\.1 \(Paint\) failed"):
        _edit(pipeline)


def test_an_interrupted_edit_is_an_error(make: Maker, fake: FakeComfyUI) -> None:
    pipeline = make(_graph())
    fake.ending = [["execution_interrupted", {"node_id": "5", "node_type": "Paint"}]]
    with pytest.raises(ServiceError, match=r"interrupted the edit .* node 5 \(Paint\)"):
        _edit(pipeline)


def test_a_failure_without_a_reason_is_an_error(make: Maker, fake: FakeComfyUI) -> None:
    pipeline = make(_graph())
    fake.ending = [["execution_start", {}]]
    with pytest.raises(ServiceError, match="failed, and not why"):
        _edit(pipeline)


def test_an_edit_that_never_ends_is_taken_back(make: Maker, fake: FakeComfyUI) -> None:
    """From the queue, and where it runs already by an interrupt of it alone."""
    pipeline = make(_graph(), edit_timeout_s=0.4)
    fake.is_endless = True
    with pytest.raises(ServiceError, match="_timeout_s"):
        _edit(pipeline)
    assert not fake.running
    assert [path for path, _ in fake.asked] == ["/queue", "/interrupt"]


def test_an_edit_that_the_server_forgot_is_an_error(
    make: Maker, fake: FakeComfyUI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was restarted in the middle."""
    monkeypatch.setattr("editproof.pipelines.adapters.comfyui.LONGEST_POLL_S", 0.03)
    pipeline = make(_graph())
    fake.forgets = True
    with pytest.raises(ServiceError, match="no longer knows the edit"):
        _edit(pipeline)


def test_an_output_without_a_picture_is_an_error(make: Maker, fake: FakeComfyUI) -> None:
    pipeline = make(_graph())
    fake.is_empty = True
    with pytest.raises(AnswerError, match=r"node 9 \(SaveImage\) gave no picture"):
        _edit(pipeline)


def test_a_picture_that_is_gone_is_an_error(make: Maker, fake: FakeComfyUI) -> None:
    pipeline = make(_graph())
    fake.lacks_files = True
    with pytest.raises(ServiceError, match="view answered 404"):
        _edit(pipeline)


def test_another_server_is_not_taken_for_comfyui(make: Maker, fake: FakeComfyUI) -> None:
    fake.stats = {"system": {}}
    with pytest.raises(AdapterError, match="not a ComfyUI server"):
        make(_graph())
