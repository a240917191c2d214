"""All settings of the gateway, with their defaults. They apply in this order: TOML file, ONWARD_* variables, --set."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, create_model, field_validator
from pydantic_core import PydanticCustomError

from configs.reading import from_environment, from_override, from_toml, keys, read
from corpus.urls.host_pattern import host_pattern
from corpus.urls.origin import ANY, origin
from corpus.urls.path_pattern import path_pattern
from corpus.urls.url import InvalidURL, canonical
from recall.paths import ALL_PATHS

PREFIX = "ONWARD_"


class Section(BaseModel):
    """A group of settings; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class RecallSettings(Section):
    """One recall path: how many candidates it may bring, and how long it may take."""

    limit: int = Field(ge=0, le=1000)
    timeout_ms: float = Field(gt=0)


if TYPE_CHECKING:
    DeclaredPaths = Section
else:  # each recall path by its name, with the defaults that it declares
    defaults = {path.name: RecallSettings(limit=path.limit, timeout_ms=path.timeout_ms) for path in ALL_PATHS}
    fields = {name: (RecallSettings, settings) for name, settings in defaults.items()}
    DeclaredPaths = create_model("DeclaredPaths", __base__=Section, **fields)


class RecallPaths(DeclaredPaths):
    """The recall paths by name; a limit of 0 turns one off."""

    def of(self, path: str) -> RecallSettings:
        """Return the settings of a path."""
        settings: RecallSettings = getattr(self, path)
        return settings


class StageSettings(Section):
    """One ranking stage: how many candidates it passes on, and how long it may take."""

    keep_top: int = Field(default=30, ge=1, le=1000)
    timeout_ms: float = Field(default=1000.0, gt=0)


class SelectSettings(Section):
    """Selection: which of the ranked pages are shown."""

    max_per_host: int = Field(default=2, ge=1)
    margin: float = Field(default=0.25, ge=0, description="the most that the cap may cost a place, in z-scores")
    min_hosts: int = Field(default=4, ge=1, description="in the list; with fewer there is no cap")
    min_quality: float = Field(default=0.0, ge=0, le=4)


class ThreadSettings(Section):
    """Threads for blocking work; more threads than cores make every request slower."""

    native: int = Field(default=2, ge=1, le=256, description="per part: each recall path, and ranking, has its own")
    cross_encoder: int = Field(default=1, ge=1, le=256, description="parallel runs of the cross-encoder")
    onnx: int = Field(default=2, ge=1, le=256)
    stage1: int = Field(default=2, ge=1, le=256, description="inside one run of stage 1")


class CacheSettings(Section):
    """Caches: of answers (`max_mb = 0`: none) and of the cross-encoder, and HTTP caches outside the gateway."""

    max_mb: float = Field(default=64.0, ge=0)
    ttl_s: float = Field(default=600.0, gt=0)
    stale_s: float = Field(default=3600.0, ge=0)
    unknown_ttl_s: float = Field(default=30.0, gt=0, description="of unknown pages, cached under the text sent")
    stored: bool = Field(default=True, description="serve the answers that the bundle stores; false: compute all")
    shared: bool = Field(default=False, description="share answers with the other replicas, in Redis")
    pairs: int = Field(default=100_000, ge=0, description="whose scores by the cross-encoder are cached")
    page_states_mb: float = Field(default=64.0, ge=0, description="of pages that the build did not encode; 0: none")
    public_s: int = Field(default=60, ge=0)
    public_stale_s: int = Field(default=600, ge=0)


class BreakerSettings(Section):
    """A circuit breaker per Redis server: when it opens, and for how long; then one call at a time tests the server."""

    failures: int = Field(default=5, ge=1, description="and at least half of the calls, both within `window_s`")
    window_s: float = Field(default=2.0, gt=0)
    open_s: float = Field(default=0.5, gt=0)


class RedisSettings(Section):
    """Limits on calls to Redis; none is retried, since the bundle's own tables are faster than a retry."""

    timeout_ms: float = Field(
        default=12.0, gt=0, description="for one read; up to twice that while the event loop is blocked"
    )
    socket_timeout_ms: float = Field(default=200.0, gt=0)
    connect_timeout_ms: float = Field(default=500.0, gt=0)
    max_connections: int = Field(default=256, ge=1, description="per server")
    breaker: BreakerSettings = BreakerSettings()


class UnknownSettings(Section):
    """Unknown pages: queued for the next refresh of Q', with the text that callers sent."""

    most: int = Field(default=100_000, ge=0, description="in the queue; 0 turns it off")


class SwapSettings(Section):
    """How bundles are swapped, and when a bundle is refused."""

    watch_s: float = Field(default=1.0, ge=0, description="between two checks of `current`; 0 never checks")
    check_s: float = Field(default=300.0, gt=0, description="for the check in a separate process")
    nice: int = Field(default=10, ge=0, le=19, description="of that process")
    min_common: float = Field(default=0.05, ge=0, le=1, description="share of the live bundle's pages; 0 accepts any")
    max_shift: float = Field(default=2.0, gt=0, description="of mean score and quality, in standard deviations")


class FilterSettings(Section):
    """Filters that can be turned off."""

    adult: bool = Field(default=True, description="drop pages with sexual content")


class FreshnessSettings(Section):
    """What the age of a page costs it; only pages with a time of publication have one."""

    half_life_days: float = Field(default=0.0, ge=0, description="at which a page loses half a unit of score; 0: off")
    oldest_days: float = Field(default=0.0, ge=0, description="older pages are dropped; 0: off")


_ENTRIES: dict[str, Callable[[str], object]] = {"hosts": host_pattern, "urls": canonical, "paths": path_pattern}


class BlockSettings(Section):
    """Pages that are never recommended, by host, URL, or pattern of URLs."""

    hosts: frozenset[str] = Field(default=frozenset(), description="`*.host` is the host and all below it")
    urls: frozenset[str] = frozenset()
    paths: frozenset[str] = Field(default=frozenset(), description="`https://host/tag/*`: `*` is any characters")

    @field_validator("hosts", "urls", "paths")
    @classmethod
    def _readable(cls, entries: frozenset[str], field: ValidationInfo) -> frozenset[str]:
        read = _ENTRIES[field.field_name or ""]
        for entry in sorted(entries):
            try:
                read(entry)
            except InvalidURL as error:
                problem = str(error) if repr(entry) in str(error) else f"{entry[:200]!r}: {error}"
                raise PydanticCustomError("unreadable", "{problem}", {"problem": problem}) from None
        return entries


class RulesSettings(Section):
    """Rules of the operator that may change while the gateway runs; with `--redis` also those in Redis."""

    file: str = Field(default="", description="TOML with a [[rule]] each; read again when it changes")
    watch_s: float = Field(default=0.25, gt=0, le=60, description="between two polls of the file and of Redis")


class PurgeSettings(Section):
    """Caches outside the gateway, such as a CDN: how they can drop the answers that show a page."""

    keys: bool = Field(default=False, description="send Surrogate-Key and Cache-Tag with cacheable answers")
    webhook: str = Field(
        default="", pattern="^(https?://.+)?$", description="called with the keys to drop; empty: none"
    )
    timeout_ms: float = Field(default=2000.0, gt=0, description="for one call of the webhook")
    tries: int = Field(default=5, ge=1, le=20, description="of one call, ever further apart")


class KeySettings(Section):
    """API keys and their rate limit; without a file no key is required."""

    file: str = Field(default="", description="lines of `name key` or `name sha256:<hex>`; reloaded when it changes")
    per_minute: int = Field(default=0, ge=0, description="requests, each of a batch counted; 0 for no limit")
    redis_timeout_ms: float = Field(default=50.0, gt=0)


class ExplainSettings(Section):
    """Who may ask for explanations, which cost more than an answer and reveal click counts."""

    allowed: bool = Field(default=True, description="false: nobody may")
    file: str = Field(default="", description="keys that may, as in `keys.file`; without it every caller may")


class ExplorerSettings(Section):
    """The explorer at `GET /`: answers and why they are so, the bundle, and the traffic. It follows `explain`."""

    enabled: bool = True
    labels: str = Field(default="", description="directory for ratings, a table `labels` of the build; '': no ratings")
    bundles: bool = Field(default=False, description="whether another published bundle may be opened, to compare it")


class CorsSettings(Section):
    """Sites whose pages may ask this gateway from a browser, such as those with the widget."""

    origins: frozenset[str] = Field(default=frozenset(), description="`https://www.example.org` each; `*` alone: all")

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, entries: frozenset[str]) -> frozenset[str]:
        try:
            for entry in sorted(entries):
                origin(entry)
        except InvalidURL as error:
            raise PydanticCustomError("no_origin", "{problem}", {"problem": str(error)}) from None
        if ANY in entries and len(entries) > 1:
            raise PydanticCustomError("all_and_some", "'*' allows every origin: leave out the others, or '*'")
        return entries


class OverloadSettings(Section):
    """How many answers are computed in parallel, and how many may wait."""

    running: int = Field(default=0, ge=0, description="0: four per core")
    waiting: int = Field(default=256, ge=0)


class RedisSinkSettings(Section):
    """The Redis stream of events, on the server of `--redis`."""

    stream: str = Field(default="onward:events", min_length=1)
    most: int = Field(default=1_000_000, ge=1, description="events in the stream; older ones are trimmed")


class KafkaSinkSettings(Section):
    """The Kafka topic of events."""

    servers: str = Field(default="", description="host:port, comma-separated")
    topic: str = Field(default="onward.events", min_length=1)
    options_file: str = Field(default="", description="lines of `key=value` for librdkafka, such as its credentials")


class FeedbackSettings(Section):
    """Events of readers: whether answers carry an ID for them, and where events go."""

    enabled: bool = Field(default=False, description="answers carry an answer_id, and events are recorded")
    key_file: str = Field(default="", description="keys that sign answer IDs; reloaded; without it one key per start")
    max_age_s: float = Field(default=86_400.0, gt=0, description="of an answer whose events are accepted")
    public: bool = Field(default=False, description="events need no API key where answers do")
    most_events: int = Field(default=500, ge=1, le=10_000, description="in one request")
    ids: int = Field(default=200_000, ge=0, description="event IDs remembered, to find events sent twice")
    sink: Literal["parquet", "redis", "kafka"] = "parquet"
    directory: str = Field(default="", description="of Parquet files; <bundles>/feedback/events without it")
    rotate_s: float = Field(default=300.0, gt=0, description="between two Parquet files")
    spool: str = Field(default="", description="of events that no sink has yet; <bundles>/feedback/spool without it")
    spool_mb: float = Field(default=1024.0, gt=0, description="beyond, events are refused, and the client keeps them")
    rejected_mb: float = Field(default=16.0, ge=0, description="of rejected events kept; older ones are dropped")
    redis: RedisSinkSettings = RedisSinkSettings()
    kafka: KafkaSinkSettings = KafkaSinkSettings()


class ExperimentSettings(Section):
    """Experiments: arms that answer in different ways, compared by their events."""

    file: str = Field(default="", description="arms in TOML; reloaded when it changes; without it no experiment")


class ServerSettings(Section):
    """Limits on requests and connections, logging, and shutdown."""

    max_body_kb: int = Field(default=256, ge=1)
    max_message_kb: int = Field(default=256, ge=1)
    batch_concurrency: int = Field(default=8, ge=1)
    max_head_kb: int = Field(default=32, ge=1)
    max_url_kb: int = Field(default=16, ge=1)
    max_metadata_kb: int = Field(default=16, ge=1)
    max_connections: int = Field(default=1024, ge=1)
    max_streams: int = Field(default=256, ge=1)
    receipt_s: float = Field(default=10.0, gt=0)
    idle_s: int = Field(default=75, ge=1)
    grpc_connection_s: float = Field(
        default=5.0, ge=0, description="maximum age, so that clients reconnect elsewhere; 0: none"
    )
    drain_s: float = Field(default=1.0, ge=0)
    grace_s: int = Field(default=10, ge=1)
    log: Literal["text", "json"] = "text"

    @property
    def max_grpc_connection_s(self) -> float:
        """Seconds within which every gRPC connection reaches its maximum age: gRPC adds up to a tenth at random."""
        return 1.1 * self.grpc_connection_s


class Settings(Section):
    """The gateway's settings; `read_settings` builds them from every source."""

    budget_ms: float = Field(default=100.0, gt=0)
    max_budget_ms: float = Field(default=5000.0, gt=0)
    read_timeout_ms: float = Field(
        default=30.0, gt=0, description="of the pages table: for the trigger, and for all candidates"
    )
    recall: RecallPaths = RecallPaths()
    stage1: StageSettings = StageSettings(keep_top=30, timeout_ms=50)
    stage2: StageSettings = StageSettings(keep_top=30, timeout_ms=1000)
    blend: StageSettings = StageSettings(keep_top=30, timeout_ms=50)
    select: SelectSettings = SelectSettings()
    threads: ThreadSettings = ThreadSettings()
    cache: CacheSettings = CacheSettings()
    redis: RedisSettings = RedisSettings()
    unknown: UnknownSettings = UnknownSettings()
    swap: SwapSettings = SwapSettings()
    filters: FilterSettings = FilterSettings()
    freshness: FreshnessSettings = FreshnessSettings()
    block: BlockSettings = BlockSettings()
    rules: RulesSettings = RulesSettings()
    purge: PurgeSettings = PurgeSettings()
    keys: KeySettings = KeySettings()
    explain: ExplainSettings = ExplainSettings()
    explorer: ExplorerSettings = ExplorerSettings()
    cors: CorsSettings = CorsSettings()
    overload: OverloadSettings = OverloadSettings()
    feedback: FeedbackSettings = FeedbackSettings()
    experiments: ExperimentSettings = ExperimentSettings()
    server: ServerSettings = ServerSettings()


def read_settings(
    config: Path | None = None, overrides: Sequence[str] = (), environ: Mapping[str, str] = os.environ
) -> Settings:
    """Return the settings of a TOML file, ONWARD_* variables and `a.b=c` overrides, the last one winning.

    Raises SettingsError.
    """
    file = from_toml(config) if config else ()
    variables = from_environment(environ, PREFIX, keys(Settings))
    return read(Settings, chain(file, variables, map(from_override, overrides)), "configs/serve.toml")
