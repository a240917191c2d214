"""The second column of the explorer: how an arm of the experiment, or another published bundle, would answer."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from pydantic import Field

from configs.reading import SettingsError
from service.answers.answer import Answer
from service.answers.resolve import ClientError, FieldError
from service.api.fields import RecommendRequest
from service.gateway import Gateway


class BesideRequest(RecommendRequest):
    """What POST /explorer/beside takes: a request, and who is to answer it."""

    arm: Annotated[str, Field(max_length=64)] = ""
    bundle: Annotated[str, Field(max_length=64)] = ""

    def request(self) -> Any:
        """Return the request as the recommender takes it."""
        return RecommendRequest(**self.model_dump(exclude={"arm", "bundle"})).request()


class Beside:
    """Who else can answer, and their explained answers."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def arms(self) -> list[dict[str, Any]]:
        """Return the arms in force, as JSON values."""
        experiments = self._gateway.recommender.experiments
        current = None if experiments is None else experiments.current
        return [] if current is None else [asdict(arm) for arm in current.arms]

    async def bundles(self) -> list[str]:
        """Return the published bundles that may be opened, the newest first; without the live one."""
        swaps = self._gateway.swaps
        if swaps is None or not self._gateway.settings.explorer.bundles:
            return []
        return [name for name in reversed(await swaps.published()) if name != self._gateway.bundle]

    async def answer(self, asked: BesideRequest) -> Answer:
        """Return the explained answer; nothing is counted or cached. Raises ClientError and Refusal."""
        request, recommender = asked.request(), self._gateway.recommender
        if bool(asked.arm) == bool(asked.bundle):
            raise ClientError([FieldError("arm", "one of arm and bundle says who is to answer", "send one of them")])
        if asked.arm:
            return await recommender.explain_arm(request, asked.arm)
        if asked.bundle not in await self.bundles():
            fix = "set explorer.bundles = true, and send the name of a published bundle that is not live"
            raise ClientError([FieldError("bundle", "it cannot be compared", fix)])
        try:
            name = await self._gateway.compared.open(asked.bundle)
        except SettingsError as error:
            raise ClientError([FieldError("bundle", str(error), "compare another one, or build it again")]) from None
        with self._gateway.live.leased(name) as bundle:
            return await recommender.explain_in(bundle, request)
