"""Every tunable of the build, with its default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, create_model, field_validator
from pydantic_core import PydanticCustomError

from corpus.log.counts import Reach
from corpus.tables.sessions import Sessions
from corpus.urls.url import RuleError, rules_of
from corpus.urls.url_rules import FRAGMENT_HOSTS, UrlRules
from ranking.blend import QUALITY_WEIGHT
from ranking.cross_encoder.train import CrossEncoderConfig
from ranking.lightgbm.train import LightGbmConfig
from ranking.quality_weight import RuleConfig
from ranking.session.config import SessionConfig
from ranking.teachers.adapt import AdaptationConfig
from ranking.teachers.train import TeachersConfig
from recall.paths import ALL_PATHS
from text_model.packaged import AUTO, ENGLISH
from text_model.tokens import TokensPerPage

Section = TypeVar("Section")


@dataclass(frozen=True, slots=True)
class TextConfig:
    """How pages become tokens and embeddings, and whose click data a page with few clicks borrows."""

    base: str = AUTO  # by the pages' languages; or minilm (English), multilingual, a path, or a hub name
    english_share: Annotated[float, Field(ge=0, le=1)] = (
        ENGLISH  # of the pages; auto takes multilingual where it is lower
    )
    tokens_per_page: TokensPerPage = 0  # 0: 22, with which a pair fits the padded length 48, or 62 for multilingual
    judged_tokens: int = 48  # of a page that the rubric judge reads: the title, then the snippet
    neighbours: int = 20
    sharpness: float = 4.0  # the weight of a neighbour is cosine ** sharpness


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Which engine processes the log, and on how many threads."""

    name: Literal["duckdb", "spark"] = "duckdb"
    threads: Annotated[int, Field(ge=0)] = 0  # of every library; 0: as many as cores are free when the build starts
    memory: str = "2GB"


@dataclass(frozen=True, slots=True)
class ReadConfig:
    """When the input has too many errors to build from."""

    most_rejected: Annotated[float, Field(ge=0, le=1)] = 0.5  # share of a table's rows; above it the build stops


@dataclass(frozen=True, slots=True)
class OrderConfig:
    """When the order of a session's pages counts as meaningless: sessions are then sets."""

    least: Annotated[float, Field(ge=0, le=1)] = 0.35  # of 1; order means little if it is surely below this
    fewest_steps: Annotated[int, Field(ge=0)] = 200  # held out; fewer cannot show that order means little


@dataclass(frozen=True, slots=True)
class ExamplesConfig:
    """Training rows of the rankers."""

    label_share: float = 0.2  # the last part of the log gives labels; features are counted before a label's day
    days: Annotated[int, Field(ge=1)] = (
        100  # of that part at most, each with its own counts; a week if that has twice as many events as `groups`
    )
    most_withheld: Annotated[float, Field(ge=0, lt=1)] = 0.5  # of the pages: hidden from features so that rankers
    # learn what new pages are worth; as many as look new beyond what the label window shows
    groups: int = 20_000  # impressions (or clicks, without impressions) that stage 1 learns from
    stage2_pages: int = 2_000  # pages whose impressions stage 2 learns from; the cross-encoder scores 30 pairs per page
    negatives: int = 20  # recalled pages per group, besides the shown ones


HeldOutShare = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, slots=True)
class LabelsConfig:
    """Pairs that the judge labels."""

    judge: Literal["rubric", "llm"] = "rubric"  # llm: the endpoint set by ONWARD_LLM_*
    prompt: Literal["A", "B", "C"] = "C"  # of the llm
    model: str = ""  # of the llm; ONWARD_LLM_MODEL if empty
    judged: int = 30_000  # pairs: a quarter each from the log, from the towers, hard ones, random ones
    held_out_share: HeldOutShare = 0.5  # of the pages: a `measured` build does not train on their labels


@dataclass(frozen=True, slots=True)
class PageStatesConfig:
    """How many pages the cross-encoder reads in the build; it reads the others when first requested."""

    most_mb: float = 1_000.0  # about 5 kB per page, the most clicked pages first


@dataclass(frozen=True, slots=True)
class AnswersConfig:
    """How many answers the build makes before they are asked for, the most clicked pages first. 0 makes none."""

    model: Literal["student", "teacher"] = "student"  # whose scores they have; the student is the model that serves
    most_pages: Annotated[int, Field(ge=0)] = 1_000_000
    most_minutes: Annotated[float, Field(ge=0)] = 60.0  # of one run: a killed run begins anew
    most_mb: Annotated[float, Field(ge=0)] = 1_000.0  # about 600 bytes per page

    @property
    def any(self) -> bool:
        """Whether the build makes answers at all."""
        return bool(self.most_pages and self.most_minutes and self.most_mb)


class InputConfig(BaseModel):
    """The build's tunables before its recall paths: what is read, how, and where."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 0
    quality_weight: float | str = AUTO  # λ of the blend, from 0 to 1; "auto": chosen on held-out clicks
    measured: bool = False  # hold out labels for evaluation (`labels.held_out_share`); `until` turns it on
    fragment_hosts: tuple[str, ...] = FRAGMENT_HOSTS  # a tuple, since the order of a set varies
    tracking_parameters: tuple[str, ...] = ()  # besides those of corpus.urls.tracking_parameters
    quality_weight_rule: RuleConfig = RuleConfig()
    engine: EngineConfig = EngineConfig()
    read: ReadConfig = ReadConfig()
    sessions: Sessions = Sessions()
    reach: Reach = Reach()
    text: TextConfig = TextConfig()

    @field_validator("quality_weight", mode="before")
    @classmethod
    def _share_or_auto(cls, value: object) -> object:
        if value == AUTO or (isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1):
            return value
        raise PydanticCustomError("quality_weight", "must be a number from 0 to 1, or auto")

    @field_validator("fragment_hosts")
    @classmethod
    def _hosts_of_pages(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        return _usable(entries, lambda: rules_of(entries, ()))

    @field_validator("tracking_parameters")
    @classmethod
    def _names_of_parameters(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        return _usable(entries, lambda: rules_of((), entries))

    @property
    def chooses_quality_weight(self) -> bool:
        """Whether the build chooses λ."""
        return self.quality_weight == AUTO

    @property
    def given_quality_weight(self) -> float:
        """λ as set; the default where the clicks are to choose it."""
        return self.quality_weight if isinstance(self.quality_weight, float) else QUALITY_WEIGHT

    @property
    def url_rules(self) -> UrlRules:
        """The rules that make URLs canonical."""
        return rules_of(self.fragment_hosts, self.tracking_parameters)


def _usable(entries: tuple[str, ...], rules: Callable[[], UrlRules]) -> tuple[str, ...]:
    try:
        rules()
    except RuleError as error:
        raise PydanticCustomError("url_rule", "{problem}", {"problem": str(error)}) from None
    return entries


if TYPE_CHECKING:
    PathConfigs = InputConfig
else:  # each recall path's tunables under its name
    sections = {path.name: (path.config, path.config()) for path in ALL_PATHS if path.config is not None}
    PathConfigs = create_model("PathConfigs", __base__=InputConfig, **sections)


_NO_TEACHERS = (
    "model is teacher, and this build trains no teachers: set cross_encoder.distil = true, or answers.model = student"
)


class BuildConfig(PathConfigs):
    """The build's tunables by step."""

    order: OrderConfig = OrderConfig()
    examples: ExamplesConfig = ExamplesConfig()
    labels: LabelsConfig = LabelsConfig()
    stage1: LightGbmConfig = LightGbmConfig(trees=100)  # more gain nothing and cost time
    adaptation: AdaptationConfig = AdaptationConfig()
    teachers: TeachersConfig = TeachersConfig()
    cross_encoder: CrossEncoderConfig = CrossEncoderConfig()
    page_states: PageStatesConfig = PageStatesConfig()
    stage2: LightGbmConfig = LightGbmConfig()
    session: SessionConfig = SessionConfig()
    answers: AnswersConfig = AnswersConfig()

    @field_validator("answers")
    @classmethod
    def _has_teachers(cls, answers: AnswersConfig, earlier: ValidationInfo) -> AnswersConfig:
        student = earlier.data.get("cross_encoder", CrossEncoderConfig())
        if answers.any and answers.model == "teacher" and not student.distil:
            raise PydanticCustomError("no_teachers", _NO_TEACHERS)
        return answers

    @property
    def held_out_share(self) -> float:
        """The share of the pages whose labels teach nothing."""
        return self.labels.held_out_share if self.measured else 0.0

    def section(self, kind: type[Section]) -> Section:
        """Return the tunables of a recall path, by their type."""
        return next(value for _, value in self if isinstance(value, kind))


#: What `--profile` changes; everything else keeps its default. All fine-tune the student directly: two teachers and
#: their predictions would more than double the build time on a laptop.
PROFILES: dict[str, dict[str, object]] = {
    "quick": {
        "text": {"neighbours": 10, "judged_tokens": 24},
        "examples": {"groups": 4_000, "stage2_pages": 120},
        "two_tower": {"head_steps": 250},
        "teachers": {"click_steps": 200, "quality_steps": 200, "frozen_layers": 3, "pool": 60_000},
        "cross_encoder": {"distil": False, "steps": 110, "triplets": 12, "frozen_layers": 5},
    },
    "full": {
        "examples": {"groups": 30_000, "stage2_pages": 1_000},
        "two_tower": {"encoder_steps": 60, "head_steps": 1_000},
        "cross_encoder": {"distil": False, "steps": 400, "frozen_layers": 3},
    },
    "labels": {  # the student as a judge of pairs: it reads six times as much of a page and prefers labels from people
        "text": {"tokens_per_page": 126, "judged_tokens": 160},
        "labels": {"judged": 4_000},
        "answers": {"most_pages": 0},
        "cross_encoder": {
            "distil": False, "steps": 130, "labels": 32, "given_share": 0.6, "click_share": 0.0, "frozen_layers": 4,
            "average_share": 0.6, "joint_layers": 2,
        },
    },
}  # fmt: skip
