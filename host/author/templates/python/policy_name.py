"""Assigns set-top boxes, recognized by their vendor class, addresses from a separate pool."""

import json
from typing import Any

from componentize_py_types import Err
from lessor import OptionMistake, encode_option
from wit_world import exports
from wit_world.imports.types import Request, Terms, Verdict, Verdict_Proceed

# The operator's `[settings]` in the sidecar file of the policy.
settings: dict[str, Any] = {}
# The options of set-top boxes: codes and octets.
options: list[tuple[int, bytes]] = []


class Configuring(exports.Configuring):
    """Called once before all hooks. An error refuses the reload and is shown to the operator."""

    def configure(self, text: str) -> None:
        settings.update(json.loads(text))
        for key in ("vendor-class", "pool"):
            if not isinstance(settings.get(key), str):
                raise Err(f'write {key} = "…" below [settings]')
        try:
            options.extend(encode_option(*option) for option in settings.get("options", {}).items())
        except OptionMistake as mistake:
            raise Err(str(mistake))


def decide(request: Request, terms: Terms) -> Verdict:
    vendor_class = request.vendor_class() or ""
    if vendor_class.startswith(settings["vendor-class"]):
        terms.set_pool(settings["pool"])
        terms.set_lease_time_secs(3600)
        for code, value in options:
            terms.set_option(code, value)
    return Verdict_Proceed()


class OnDiscover(exports.OnDiscover):
    def handle(self, request: Request, terms: Terms) -> Verdict:
        return decide(request, terms)


class OnRequest(exports.OnRequest):
    """Called when the client accepts the offer and when it renews: make the same decision."""

    def handle(self, request: Request, terms: Terms) -> Verdict:
        return decide(request, terms)
