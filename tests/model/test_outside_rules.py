from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webpbx.model.cause import Cause
from webpbx.model.checks import is_e164
from webpbx.model.numbers import country_of, kind_of
from webpbx.model.outbound_route import OutboundRoute
from webpbx.model.outside_rules import OutsideUse, Refusal, WayOut, decide
from webpbx.model.tenant import Tenant
from webpbx.model.trunk import Trunk

TENANT = Tenant("acme", "Acme", max_outside_calls=3, max_outside_calls_per_user=2, emergency_numbers=("777",))


def trunk(name: str, **changes: Any) -> Trunk:
    return Trunk(name, "acme", name, mode="address", proxies=("192.0.2.1",), addresses=("192.0.2.1",), **changes)


TRUNKS = {"a": trunk("a", max_calls=2), "b": trunk("b"), "off": trunk("off", enabled=False)}
HOME = OutboundRoute("home", "acme", "Home", ("a", "b"), countries=("DE",))
BERLIN = "+493023125000"


def ask(
    number: str, *, routes: tuple[OutboundRoute, ...] = (HOME,), up: tuple[str, ...] = ("a", "b"), **use: Any
) -> list[str] | Cause:
    answer = decide(
        number,
        emergency=number in ("112", "777", "1120"),
        tenant=TENANT,
        routes=routes,
        trunks=TRUNKS,
        use=OutsideUse(trunks_up=up, **use),
    )
    return answer.cause if isinstance(answer, Refusal) else [way.trunk.id for way in answer]


def test_a_number_of_an_allowed_country_passes_on_the_routes_trunks_in_order() -> None:
    assert ask(BERLIN) == ["a", "b"]
    assert ask(BERLIN, up=("b",)) == ["b"]


def test_the_way_out_names_its_route() -> None:
    answer = decide(
        BERLIN, emergency=False, tenant=TENANT, routes=[HOME], trunks=TRUNKS, use=OutsideUse(trunks_up={"b"})
    )
    assert answer == (WayOut(TRUNKS["b"], "home"),)


def test_outside_calls_are_off_until_a_route_allows_one() -> None:
    assert ask(BERLIN, routes=()) is Cause.NO_ROUTE
    assert ask("+442079460958") is Cause.FORBIDDEN


def test_a_country_is_a_region_and_not_a_calling_code() -> None:
    america = (OutboundRoute("us", "acme", "US", ("a",), countries=("US",)),)
    assert ask("+12025550123", routes=america) == ["a"]
    assert ask("+18762345678", routes=america) is Cause.FORBIDDEN


def test_a_prefix_allows_what_begins_with_it() -> None:
    london = (OutboundRoute("uk", "acme", "London", ("b",), prefixes=("+442079",)),)
    assert ask("+442079460958", routes=london) == ["b"]
    assert ask("+441212345678", routes=london) is Cause.FORBIDDEN


@pytest.mark.parametrize("number", ["+499001234567", "+491801234567", "+4970012345678", "+4911833"])
def test_dear_and_unknown_numbers_need_to_be_named(number: str) -> None:
    by_prefix = OutboundRoute("p", "acme", "P", ("a",), prefixes=(number[:5],))
    assert ask(number, routes=(HOME, by_prefix)) is Cause.FORBIDDEN


def test_a_route_may_name_dear_numbers() -> None:
    dear = OutboundRoute("dear", "acme", "Dear", ("a",), countries=("DE",), special_types=("premium_rate",))
    assert ask("+499001234567", routes=(dear,)) == ["a"]
    assert ask("+491801234567", routes=(dear,)) is Cause.FORBIDDEN


@pytest.mark.parametrize("number", [BERLIN + ",,1234", BERLIN + "p1", BERLIN + "#", "030 23125000", "101", "", "113"])
def test_only_the_bare_number_as_sent_may_pass(number: str) -> None:
    assert ask(number) is Cause.FORBIDDEN


def test_caps_hold_per_user_and_company() -> None:
    assert ask(BERLIN, calls_up=2, user_calls_up=1) == ["a", "b"]
    assert ask(BERLIN, calls_up=3) is Cause.CALL_LIMIT
    assert ask(BERLIN, calls_up=2, user_calls_up=2) is Cause.CALL_LIMIT


def test_a_full_trunk_is_passed_over() -> None:
    assert ask(BERLIN, trunk_calls_up={"a": 2}) == ["b"]
    assert ask(BERLIN, up=("a",), trunk_calls_up={"a": 2}) is Cause.TRUNK_BUSY


def test_without_a_working_trunk_the_cause_says_so() -> None:
    assert ask(BERLIN, up=()) is Cause.TRUNK_DOWN
    assert (
        ask(BERLIN, routes=(OutboundRoute("x", "acme", "X", ("off", "gone"), countries=("DE",)),)) is Cause.TRUNK_DOWN
    )


@pytest.mark.parametrize("number", ["112", "777"])
def test_an_emergency_call_passes_every_cap_and_needs_no_route(number: str) -> None:
    full: dict[str, Any] = {"calls_up": 99, "user_calls_up": 99, "trunk_calls_up": {"a": 99, "b": 99}}
    assert ask(number, **full) == ["a", "b"]
    assert ask(number, routes=(), **full) == ["a", "b"]
    only_b = OutboundRoute("b", "acme", "B", ("b",), countries=("FR",))
    assert ask(number, routes=(only_b,), **full) == ["b", "a"]


def test_an_emergency_call_is_tried_on_trunks_believed_down_after_the_others() -> None:
    assert ask("112", up=("b",)) == ["b", "a"]
    assert ask("112", up=()) == ["a", "b"]


def test_an_emergency_call_without_a_trunk_is_told_so() -> None:
    off, use = {"off": TRUNKS["off"]}, OutsideUse(trunks_up={"off"})
    answer = decide("112", emergency=True, tenant=TENANT, routes=[HOME], trunks=off, use=use)
    assert answer == Refusal(Cause.EMERGENCY_NO_TRUNK)


def test_who_merely_claims_an_emergency_is_not_believed() -> None:
    assert ask("1120") is Cause.FORBIDDEN


def test_routes_are_tried_by_priority() -> None:
    later = OutboundRoute("a", "acme", "Later", ("a",), countries=("DE",), priority=2)
    sooner = OutboundRoute("z", "acme", "Sooner", ("b",), countries=("DE",), priority=1)
    assert ask(BERLIN, routes=(later, sooner)) == ["b", "a"]


@pytest.mark.process
@given(st.one_of(st.text(max_size=30), st.from_regex(r"\+(49|1|44|882)[0-9]{4,12}", fullmatch=True)), st.booleans())
def test_nothing_passes_but_what_the_routes_name_and_emergencies(number: str, claimed: bool) -> None:
    answer = decide(
        number, emergency=claimed, tenant=TENANT, routes=[HOME], trunks=TRUNKS, use=OutsideUse(trunks_up={"a"})
    )
    if not isinstance(answer, Refusal):
        ordinary = is_e164(number) and country_of(number) == "DE" and kind_of(number) == "ordinary"
        assert ordinary or (claimed and number in ("110", "112", "777"))


def test_a_short_number_passes_by_country_and_price_under_the_same_caps() -> None:
    assert ask("116117") == ask("115") == ["a", "b"]
    assert ask("11833") is Cause.FORBIDDEN
    assert ask("1150") is Cause.FORBIDDEN
    dear = OutboundRoute("dear", "acme", "Dear", ("b",), countries=("DE",), special_types=("unknown",))
    assert ask("11833", routes=(dear,)) == ["b"]
    assert ask("116117", routes=(OutboundRoute("p", "acme", "P", ("a",), prefixes=("+4911",)),)) is Cause.FORBIDDEN
    assert ask("116117", calls_up=3) is Cause.CALL_LIMIT


def test_a_short_number_goes_out_on_trunks_of_its_country_alone() -> None:
    trunks = {"a": trunk("a", country="AT"), "b": trunk("b")}
    use = OutsideUse(trunks_up=("a", "b"))
    answer = decide("116117", emergency=False, tenant=TENANT, routes=[HOME], trunks=trunks, use=use)
    assert answer == (WayOut(trunks["b"], "home"),)
    abroad = {"a": trunks["a"]}
    answer = decide("116117", emergency=False, tenant=TENANT, routes=[HOME], trunks=abroad, use=use)
    assert answer == Refusal(Cause.NO_ROUTE)
