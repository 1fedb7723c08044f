import pytest
from hypothesis import given
from hypothesis import strategies as st

from webpbx.model.cause import Cause
from webpbx.model.destination import ToEcho, ToExtension, ToNowhere, ToOutside
from webpbx.model.dialplan import Dialplan, NumberClash, resolve, resolve_incoming
from webpbx.model.did import Did
from webpbx.model.extension import Extension
from webpbx.model.tenant import Tenant
from webpbx.model.trunk import Trunk

UNKNOWN = ToNowhere(Cause.UNKNOWN_NUMBER)
EXTENSIONS = {
    "101": Extension("101", "acme", user_id="anna"),
    "600": Extension("600", "acme", destination=ToEcho()),
}
BERLIN = "+493023125000"


def plan(country: str = "DE", prefix: str = "", use: str = "none", own: tuple[str, ...] = ()) -> Dialplan:
    tenant = Tenant(
        "acme", "Acme", country=country, outside_prefix=prefix, outside_prefix_use=use, emergency_numbers=own
    )
    return Dialplan(tenant, EXTENSIONS, {BERLIN: Did(BERLIN, "acme", "main", ToExtension("101"))})


PREFIX_RULES = [("", "none"), ("0", "required"), ("9", "optional"), ("9", "required")]


@pytest.mark.parametrize(("prefix", "use"), PREFIX_RULES)
@pytest.mark.parametrize(
    ("country", "number"), [("DE", "112"), ("DE", "110"), ("US", "911"), ("GB", "999"), ("GB", "112")]
)
def test_an_emergency_number_is_one_with_and_without_the_outside_prefix(
    country: str, number: str, prefix: str, use: str
) -> None:
    emergency = ToOutside(number, emergency=True)
    numbers = plan(country, prefix, use)
    assert resolve(number, plan=numbers) == emergency
    assert resolve(prefix + number, plan=numbers) == emergency
    assert resolve(f" {prefix}-{number} ", plan=numbers) == emergency


@pytest.mark.parametrize("dialled", ["1120", "*112", "112#", "+112", "+49112", "011 2", "1 1 2 1", "911", "999"])
def test_what_only_resembles_an_emergency_number_is_none(dialled: str) -> None:
    destination = resolve(dialled, plan=plan("DE"))
    assert not (isinstance(destination, ToOutside) and destination.emergency)


def test_the_companys_own_emergency_numbers_count_and_come_before_extensions() -> None:
    numbers = plan(prefix="0", use="required", own=("101", "777"))
    assert resolve("777", plan=numbers) == ToOutside("777", emergency=True)
    assert resolve("0777", plan=numbers) == ToOutside("777", emergency=True)
    assert resolve("101", plan=numbers) == ToOutside("101", emergency=True)


def test_an_extension_leads_to_its_user_or_application() -> None:
    assert resolve("101", plan=plan()) == ToExtension("101")
    assert resolve("600", plan=plan()) == ToEcho()
    assert resolve("*43", plan=plan()) == ToEcho()
    assert resolve("102", plan=plan()) == UNKNOWN


@pytest.mark.parametrize(
    "dialled",
    [
        "+49 30 23125000",
        "0049 30 23125000",
        "030/23125-000",
        "(030) 231 25 000",
        "+49 (0)30 23125000",
        "011493023125000",
    ],
)
def test_an_outside_number_is_understood_however_it_is_written(dialled: str) -> None:
    assert resolve(dialled, plan=plan()) == ToOutside(BERLIN)


def test_a_required_prefix_zero_tells_greece_from_berlin() -> None:
    numbers = plan(prefix="0", use="required")
    assert resolve("0030 23125000", plan=numbers) == ToOutside(BERLIN)
    assert resolve("000 30 2310 123456", plan=numbers) == ToOutside("+302310123456")
    assert resolve("+49 30 23125000", plan=numbers) == ToOutside(BERLIN)


def test_without_the_required_prefix_there_is_no_way_outside() -> None:
    assert resolve("030 23125000", plan=plan(prefix="9", use="required")) == UNKNOWN


def test_an_optional_prefix_may_be_left_out() -> None:
    london = ToOutside("+442079460958")
    numbers = plan("GB", "9", "optional")
    assert resolve("020 7946 0958", plan=numbers) == london
    assert resolve("9 020 7946 0958", plan=numbers) == london


def test_an_american_dials_ten_digits_or_eleven() -> None:
    for dialled in ("202-555-0123", "1 202 555 0123", "+1 202 555 0123"):
        assert resolve(dialled, plan=plan("US")) == ToOutside("+12025550123")
    assert resolve("011 49 30 23125000", plan=plan("US")) == ToOutside(BERLIN)
    assert resolve("0049 30 23125000", plan=plan("US")) == ToOutside(BERLIN)


@pytest.mark.process
@given(st.text(max_size=60))
def test_any_text_leads_somewhere(dialled: str) -> None:
    for prefix, use in PREFIX_RULES:
        assert resolve(dialled, plan=plan(prefix=prefix, use=use)) is not None


@pytest.mark.process
@given(st.text("0123456789", min_size=1, max_size=20), st.data())
def test_punctuation_changes_nothing(digits: str, data: st.DataObject) -> None:
    marks = data.draw(
        st.lists(st.sampled_from(["", " ", "-", ".", "/", "\u00a0"]), min_size=len(digits), max_size=len(digits))
    )
    written = "".join(digit + mark for digit, mark in zip(digits, marks, strict=True))
    assert resolve(written, plan=plan()) == resolve(digits, plan=plan())


@pytest.mark.parametrize("number", ["112", "110", "0112", "101"])
def test_an_extension_that_would_hide_something_cannot_be_saved(number: str) -> None:
    with pytest.raises(NumberClash, match=number):
        plan(prefix="0", use="required").check_free(number)


def test_a_free_extension_may_be_saved() -> None:
    plan().check_free("102")


PROVIDER = Trunk("main", "acme", "Provider", mode="address", proxies=("192.0.2.1",), addresses=("192.0.2.1",))


@pytest.mark.parametrize("called", ["+493023125000", "00493023125000", "493023125000", "03023125000"])
def test_a_call_from_the_trunk_reaches_our_number_however_the_provider_writes_it(called: str) -> None:
    assert resolve_incoming(called, plan=plan(), trunk=PROVIDER) == ToExtension("101")


@pytest.mark.parametrize("called", ["101", "*43", "112", "+442079460958", "", "anonymous", "+493023125001"])
def test_a_call_from_the_trunk_reaches_nothing_but_our_numbers(called: str) -> None:
    assert resolve_incoming(called, plan=plan(), trunk=PROVIDER) == UNKNOWN


def test_a_number_of_ours_is_reached_only_on_its_own_trunk() -> None:
    other = Trunk("other", "acme", "Other", mode="address", proxies=("192.0.2.2",), addresses=("192.0.2.2",))
    assert resolve_incoming(BERLIN, plan=plan(), trunk=other) == UNKNOWN


@pytest.mark.parametrize(
    ("prefix", "use", "dialled"),
    [("", "none", "116117"), ("", "none", "116 117"), ("0", "required", "0116117"), ("9", "optional", "116117")],
)
def test_a_short_number_of_the_country_leads_outside_as_it_is(prefix: str, use: str, dialled: str) -> None:
    assert resolve(dialled, plan=plan(prefix=prefix, use=use)) == ToOutside("116117")


def test_a_short_number_needs_the_outside_prefix_where_one_is_required_and_comes_after_extensions() -> None:
    assert resolve("116117", plan=plan(prefix="0", use="required")) == UNKNOWN
    assert resolve("101", plan=plan("GB")) == ToExtension("101")
    assert resolve("102", plan=plan()) == UNKNOWN
