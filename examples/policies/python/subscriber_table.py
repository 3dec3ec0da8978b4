"""The subscriber table defines what each line gets. Other lines go to the walled garden."""

import json
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any

from componentize_py_types import Err
from lessor import encode_option
from wit_world import exports
from wit_world.imports.types import BeyondLimit, Request, RequestKind, Terms
from wit_world.imports.types import Verdict, Verdict_Ignore, Verdict_Proceed, Verdict_Refuse


@dataclass
class Line:
    """The settings of a line."""

    pool: str | None = None
    address: str | None = None
    lease_time_secs: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    leases_max: int | None = None
    beyond: str = "refuse"
    blocked: bool = False
    refused: bool = False

    def __post_init__(self) -> None:
        self.address = self.address and tuple(IPv4Address(self.address).packed)
        self.encoded_options = [encode_option(*option) for option in self.options.items()]
        self.beyond = BeyondLimit[self.beyond.upper().replace("-", "_")]


GARDEN = Line(pool="walled-garden", lease_time_secs=60)
lines: dict[str, Line] = {}


class Configuring(exports.Configuring):
    def configure(self, settings: str) -> None:
        table = json.loads(settings).get("lines")
        if not table:
            raise Err('there are no lines: write [settings.lines."<circuit id>"]')
        for name, line in table.items():
            try:
                lines[name] = Line(**{key.replace("-", "_"): value for key, value in line.items()})
            except (TypeError, ValueError, KeyError) as error:
                raise Err(f"line {name}: {error}")


def decide(request: Request, terms: Terms) -> Verdict:
    name = request.circuit_id_text() or ""
    line = lines.get(name, GARDEN)
    if line is GARDEN:
        # Later policies must not lead out of the garden.
        terms.set_final()
    if line.blocked:
        return Verdict_Ignore(f"line {name} is blocked")
    if line.refused:
        return Verdict_Refuse(f"line {name} is refused")
    if request.kind() != RequestKind.INFORM:
        if line.pool:
            terms.set_pool(line.pool)
        if line.address:
            terms.set_address(line.address)
        if line.lease_time_secs:
            terms.set_lease_time_secs(line.lease_time_secs)
        if line.leases_max:
            terms.set_subscriber(name, line.leases_max, line.beyond)
    for code, value in line.encoded_options:
        terms.set_option(code, value)
    return Verdict_Proceed()


class OnDiscover(exports.OnDiscover):
    def handle(self, request: Request, terms: Terms) -> Verdict:
        return decide(request, terms)


# The policy decides about the other messages in the same way.
OnRequest = OnInform = OnDiscover
