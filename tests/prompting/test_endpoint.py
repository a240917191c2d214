import pytest

from configs.reading import SettingsError
from prompting.endpoint import OPENAI, read_endpoint


def test_without_variables_there_is_no_endpoint() -> None:
    assert read_endpoint({"PATH": "/bin", "ONWARD_LLM_CONCURRENCY": "4", "ONWARD_LLM_MODEL": ""}) is None


def test_variables_configure_the_endpoint() -> None:
    endpoint = read_endpoint({"ONWARD_LLM_MODEL": "4", "ONWARD_LLM_KEY": "12", "ONWARD_LLM_CONCURRENCY": "3"})
    assert endpoint is not None
    assert (endpoint.model, endpoint.base_url, endpoint.concurrency) == ("4", OPENAI, 3)
    assert endpoint.key.get_secret_value() == "12"


def test_a_local_server_needs_no_key() -> None:
    assert read_endpoint({"ONWARD_LLM_MODEL": "m", "ONWARD_LLM_BASE_URL": "http://localhost:8000/v1"}) is not None


def test_the_key_is_not_shown() -> None:
    endpoint = read_endpoint({"ONWARD_LLM_MODEL": "m", "ONWARD_LLM_KEY": "sk-secret"})
    assert "sk-secret" not in f"{endpoint!r} {endpoint} {endpoint.model_dump()}"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"MODEL": "m"}, "set without ONWARD_LLM_KEY or ONWARD_LLM_BASE_URL"),
        ({"BASE_URL": "http://x/v1"}, "ONWARD_LLM_MODEL is not: set it to the model's name"),
        ({"MODEL": "m", "KEY": "k", "RETRYS": "2"}, r"did you mean ONWARD_LLM_RETRIES\?"),
        ({"MODEL": "m", "KEY": "k", "CONCURRENCY": "many"}, "ONWARD_LLM_CONCURRENCY: .*integer"),
    ],
)
def test_an_invalid_variable_is_one_clear_error(given: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as error:
        read_endpoint({f"ONWARD_LLM_{name}": text for name, text in given.items()})
    assert "sk-" not in str(error.value)
