"""The admin routes of rules: which are in force, and dropping the answers that show a page."""

from __future__ import annotations

import time
from typing import Any

import orjson
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from service.answers.resolve import ClientError, FieldError
from service.gateway import Gateway
from service.rules.live_rules import RuleSet
from service.rules.reading import RulesError
from service.rules.rule import Rule
from service.rules.sources import takedown

_JSON = "application/json"


class PurgeRequest(BaseModel):
    """The page by its URL, or all pages of a rule in force."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(default="", max_length=4096)
    rule: str = Field(default="", max_length=100, description="name of a rule, as GET /admin/rules shows it")


class PurgeBody(BaseModel):
    """How many lists this process dropped, the keys for caches outside, and whether the webhook gets them."""

    lists: int
    keys: list[str]
    webhook: bool


def add_rules(app: FastAPI, gateway: Gateway) -> None:
    """Add GET /admin/rules and POST /admin/purge."""

    @app.get("/admin/rules", tags=["operations"])
    async def rules() -> Response:
        """The rules of this process and of arms, whether each is in force now, and why others were refused."""
        current, now = gateway.live.bundle.steering.rules.current, time.time()
        state = {"version": current.version, "problems": gateway.rules_problems, "rules": _listed(current, now)}
        if arms := gateway.arms_rules:
            state["arms"] = {arm: _listed(watch.rules.current, now) for arm, watch in arms.items()}
        return Response(orjson.dumps(state), media_type=_JSON)

    @app.post("/admin/purge", response_model=PurgeBody, tags=["operations"])
    async def purge(body: PurgeRequest) -> Response:
        """Drop the lists with a page from this process, and return the keys for caches outside."""
        if bool(body.url) == bool(body.rule):
            raise ClientError([FieldError("url", "url and rule are both sent or both missing", "send one of them")])
        meant = _by_url(body.url) if body.url else _by_name(gateway, body.rule)
        return Response(orjson.dumps(await gateway.purge(meant)), media_type=_JSON)


def _listed(rules: RuleSet, now: float) -> list[dict[str, Any]]:
    return [_shown(rule, now) for rule in rules.rules]


def _shown(rule: Rule, now: float) -> dict[str, Any]:
    told = rule.model_dump(mode="json", exclude_defaults=True)
    return {**told, "name": rule.label, "in_force": rule.since <= now < rule.until}


def _by_url(url: str) -> tuple[Rule, ...]:
    try:
        return (takedown(url),)
    except RulesError as error:
        problem, _, fix = str(error).removeprefix("url: ").rpartition(": ")
        raise ClientError([FieldError("url", problem, fix)]) from None


def _by_name(gateway: Gateway, name: str) -> tuple[Rule, ...]:
    sets = [gateway.live.bundle.steering.rules.current, *(watch.rules.current for watch in gateway.arms_rules.values())]
    named = tuple(rule for current in sets for rule in current.rules if rule.label == name)
    if not named:
        raise ClientError([FieldError("rule", "no rule has this name", "send a name that GET /admin/rules shows")])
    return named
