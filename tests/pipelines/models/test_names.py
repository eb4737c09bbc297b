"""A model's name is checked where it is set, before anything is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from editproof.pipelines import ContractError, reference
from editproof.pipelines.models.names import CLASSICAL, MICROFILL, check_model, diffusers_source


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("microfil", "did you mean microfill"),
        (
            "sdxl",
            (
                "must be one of ns, telea, biharmonic, patch, microfill, diffusers:<folder or hub"
                " id>, spandrel:<file>"
            ),
        ),
        ("diffusers:", "is not a hub id, which reads owner/name"),
        ("diffusers:/nowhere/at-all", "there is no folder /nowhere/at-all"),
        ("diffusers:./nowhere", "there is no folder nowhere"),
        ("spandrel:/nowhere/lama.safetensors", "there is no file /nowhere/lama.safetensors"),
    ],
)
def test_a_name_that_names_none_says_what_is_wrong(name: str, says: str) -> None:
    """A path is looked for, and named, before a hub is asked."""
    with pytest.raises(ContractError, match=says):
        reference.build(**{"inpaint.model": name})


@pytest.mark.parametrize(
    "setting", ["inpaint.model", "text.flat_model", "text.complex_model", "route.tiers"]
)
def test_every_setting_that_names_a_model_is_checked(setting: str) -> None:
    """When the pipeline is built, and the setting is named; each takes all that are shipped."""
    for name in (*CLASSICAL, MICROFILL):
        reference.build(**{setting: name})
    with pytest.raises(ContractError, match=rf"{setting} must be one of ns, .*; it is 'magic'"):
        reference.build(**{setting: "magic"})


def test_a_folder_or_file_of_another_kind_is_told_apart(tmp_path: Path) -> None:
    """A folder without a pipeline, and a file where a folder should be."""
    with pytest.raises(ContractError, match=r"holds no model_index\.json"):
        check_model(f"diffusers:{tmp_path}")
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(ContractError, match="is a file; a folder"):
        check_model(f"diffusers:{tmp_path / 'model.safetensors'}")


def test_a_hub_id_is_one_where_no_such_folder_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """owner/name may be both: what is here wins."""
    monkeypatch.chdir(tmp_path)
    assert diffusers_source("diffusers:owner/name") == "owner/name"
    (tmp_path / "owner" / "name").mkdir(parents=True)
    (tmp_path / "owner" / "name" / "model_index.json").touch()
    assert diffusers_source("diffusers:owner/name") == Path("owner/name")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"inpaint.keep_steps": "first"}, "must read like 0,2"),
        (
            {"inpaint.keep_steps": "0,4"},
            "names step 4; inpaint.sampling_steps is 4, so the last one is 3",
        ),
        ({"inpaint.sampling_steps": 0}, "must be from 1 to 1000"),
        ({"inpaint.strength": 0}, "must be from 0.01 to 1"),
        ({"inpaint.scheduler": "euler"}, "must be one of ddim, dpmsolver"),
    ],
)
def test_settings_of_diffusion_models_are_checked(
    settings: dict[str, str | int], says: str
) -> None:
    """Each with what it may be."""
    with pytest.raises(ContractError, match=says):
        reference.build(**settings)
