"""A pipeline's name that is nearly right: the message says what to write."""

from __future__ import annotations

import pytest

from editproof.pipelines import ContractError
from editproof.pipelines.adapters.names import name_table
from editproof.pipelines.loader import parse

pytestmark = pytest.mark.smoke

URL = "http://127.0.0.1:8471"

WRONG = {
    URL: f"'iopaint:{URL}', 'openai:{URL}' or 'http:{URL}'",
    "https://example.com": "'iopaint:https://example.com'",
    "iopaint:http://127.0.0.1:99999": "a port that is not valid",
    "iopaint:http://127.0.0.1:84x1": "a port that is not valid",
    "iopaint:http://127.0.0.1:0": "a port that is not valid",
    "iopaint:127.0.0.1:8471": "must be a URL that starts with http://",
    "iopaint": "Write iopaint:URL",
    "comfyui:": "Write comfyui:WORKFLOW.json?server=URL",
    f"iopaint:{URL}?sd_steps=3": "goes into `config`: config.sd_steps=VALUE",
    f"openai:{URL}?steps=3": "goes into `extra`: extra.steps=VALUE",
    f"iopaint:{URL}?atempts=3": "Did you mean `attempts`? What is sent",
    f'http:{{"url": "{URL}", "json": {{"a": "{{imge}}"}}}}': "a brace. Did you mean `image`?",
}


@pytest.mark.parametrize(("text", "said"), WRONG.items(), ids=WRONG)
def test_the_message_says_what_to_write(text: str, said: str) -> None:
    with pytest.raises(ContractError) as caught:
        parse(text)
    assert said in str(caught.value)
    assert "?." not in str(caught.value)


def test_a_table_without_adapter_says_so() -> None:
    with pytest.raises(ContractError) as caught:
        name_table({"url": URL}, "pipelines.x")
    assert str(caught.value).startswith(
        "pipelines.x: the field `adapter` is missing. There are cmd"
    )


@pytest.mark.parametrize(
    "text",
    [
        "openai:{url}?header.Authorization=Bearer s3cr3t-of-mine&quality=high",
        'openai:{{"url": "{url}", "header": {{"X-API-Key": "s3cr3t-of-mine"}}}}',
        "http:{url}/edit?fields.api_key=s3cr3t-of-mine&fields.prompt=a",
    ],
)
def test_a_secret_that_was_written_into_a_name_is_not_said_again(text: str) -> None:
    with pytest.raises(ContractError, match=r"secret itself|no field `fields`") as caught:
        parse(text.format(url=URL))
    assert "s3cr3t" not in str(caught.value)
