from pathlib import Path

import pytest

from configs.reading import SettingsError
from recall.qprime.config import RemoteName
from recall.qprime.engines import brave, tavily
from recall.qprime.engines.embedded import TantivyEngine
from recall.qprime.engines.endpoint import read_search_endpoint
from recall.qprime.engines.opening import open_engine
from recall.qprime.engines.search_engine import SearchText

CLUSTER = {"URL": "https://search.example:9200/", "INDEX": "pages"}


def variables(given: dict[str, str]) -> dict[str, str]:
    return {f"ONWARD_SEARCH_{name}": text for name, text in given.items()}


def test_variables_describe_a_cluster() -> None:
    given = {**CLUSTER, "USER": "ann", "PASSWORD": "p", "FIELDS": "name^3, text", "PER_DAY": "5", "STORE": "a.sqlite"}
    endpoint = read_search_endpoint("opensearch", {"PATH": "/bin", **variables(given)})
    assert (endpoint.url, endpoint.index, endpoint.fields) == (
        "https://search.example:9200",
        "pages",
        ("name^3", "text"),
    )
    assert (endpoint.user, endpoint.password.get_secret_value(), endpoint.key.get_secret_value()) == ("ann", "p", "")
    assert (endpoint.per_day, endpoint.store) == (5, Path("a.sqlite"))


@pytest.mark.parametrize(("name", "url"), [("brave", brave.URL), ("tavily", tavily.URL)])
def test_a_web_engine_needs_only_a_key(name: RemoteName, url: str) -> None:
    endpoint = read_search_endpoint(name, variables({"KEY": "k", "INDEX": ""}))
    assert (endpoint.url, endpoint.per_second) == (url, 1.0)


def test_the_secrets_do_not_show() -> None:
    endpoint = read_search_endpoint("opensearch", variables({**CLUSTER, "USER": "ann", "PASSWORD": "very-secret"}))
    assert "very-secret" not in f"{endpoint!r} {endpoint} {endpoint.model_dump()}"


def test_a_key_from_a_file_may_end_with_a_line_break() -> None:
    assert read_search_endpoint("brave", variables({"KEY": "abc\n"})).key.get_secret_value() == "abc"


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("brave", {}, "ONWARD_SEARCH_KEY is not set: the engine brave needs its key"),
        ("opensearch", {"INDEX": "pages"}, "ONWARD_SEARCH_URL is not set"),
        ("opensearch", {"URL": "https://search.example"}, "ONWARD_SEARCH_INDEX is not set"),
        ("opensearch", {**CLUSTER, "USER": "ann"}, "set both ONWARD_SEARCH_USER and ONWARD_SEARCH_PASSWORD"),
        ("opensearch", {**CLUSTER, "USER": "a", "PASSWORD": "sk-1", "KEY": "sk-1"}, "both set: choose one"),
        ("opensearch", {**CLUSTER, "USER": "a:b", "PASSWORD": "sk-1"}, "ONWARD_SEARCH_USER: "),
        ("opensearch", {**CLUSTER, "URL": "search.example:9200"}, "ONWARD_SEARCH_URL: not an http or https URL"),
        ("opensearch", {**CLUSTER, "URL": "https://x:port/"}, "ONWARD_SEARCH_URL: not a URL"),
        ("opensearch", {**CLUSTER, "URL": "https://ann:sk-1@x/"}, "ONWARD_SEARCH_URL: contains a user name"),
        ("opensearch", {**CLUSTER, "URL": "https://x/?key=sk-1"}, "ONWARD_SEARCH_URL: has a query"),
        ("brave", {"KEY": "sk-1\r\nX-Evil: 1"}, "ONWARD_SEARCH_KEY: contains a character"),
        ("brave", {"KEY": "sk-1", "PER_SECONDS": "2"}, r"did you mean ONWARD_SEARCH_PER_SECOND\?"),
        ("brave", {"KEY": "sk-1", "PER_DAY": "many"}, "ONWARD_SEARCH_PER_DAY: .*integer"),
        ("brave", {"KEY": "sk-1", "PER_SECOND": "0"}, "ONWARD_SEARCH_PER_SECOND: .*greater than 0"),
        ("brave", {"KEY": "sk-1", "TIMEOUT_S": "nan"}, "ONWARD_SEARCH_TIMEOUT_S: "),
    ],
)
def test_a_bad_variable_is_one_clear_error(name: RemoteName, given: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as error:
        open_engine(name, environ=variables(given))
    assert "sk-" not in str(error.value)


def test_the_embedded_engine_opens_an_index(tmp_path: Path) -> None:
    TantivyEngine.build(tmp_path / "index", [SearchText(7, "fox", "")])
    (found,) = open_engine("tantivy", tmp_path / "index", {}).search(["fox"], 10)
    assert found is not None
    assert found.pages.tolist() == [7]


def test_a_missing_index_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no search index at"):
        open_engine("tantivy", tmp_path / "index", {})
