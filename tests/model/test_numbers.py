import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webpbx.model.numbers import (
    country_of,
    display,
    emergency_pattern,
    for_trunk,
    is_emergency_number,
    is_short_number,
    keyed,
    kind_of,
    kind_of_short,
    parse_outside,
    repair_incoming,
)

REGIONS = sorted(region for region in phonenumbers.SUPPORTED_REGIONS if phonenumbers.example_number(region))
FORMATS = ["e164", "international", "national"]


def example(region: str) -> str:
    number = phonenumbers.example_number(region)
    assert number is not None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@given(st.sampled_from(REGIONS), st.sampled_from(["DE", "GB", "US", "FR", "IT"]), st.sampled_from(FORMATS))
def test_a_number_sent_in_a_trunks_format_is_understood_when_it_comes_back(
    region: str, country: str, number_format: str
) -> None:
    number = example(region)
    sent = for_trunk(number, number_format=number_format, country=country)
    assert parse_outside(sent, country) == number


@given(st.sampled_from(REGIONS), st.sampled_from(["DE", "GB", "US"]))
def test_what_is_shown_can_be_dialled(region: str, country: str) -> None:
    number = example(region)
    keys = keyed(display(number, country))
    assert keys is not None
    assert parse_outside(keys, country) == number


@given(st.text(max_size=40), st.sampled_from(["DE", "US", "GB"]))
def test_no_text_upsets_the_reader(text: str, country: str) -> None:
    keys = keyed(text)
    number = parse_outside(keys, country) if keys is not None else None
    assert number is None or number.startswith("+")
    repaired = repair_incoming(text, country=country)
    assert repaired is None or repaired.startswith("+")


@pytest.mark.parametrize(
    ("sent", "number"),
    [
        ("+493023125000", "+493023125000"),
        ("00493023125000", "+493023125000"),
        ("+00493023125000", "+493023125000"),
        ("493023125000", "+493023125000"),
        ("03023125000", "+493023125000"),
        ("14155550100", "+14155550100"),
        ("anonymous", None),
        ("", None),
        ("101", None),
        ("+", None),
    ],
)
def test_an_incoming_number_is_repaired(sent: str, number: str | None) -> None:
    assert repair_incoming(sent, country="DE") == number


def test_a_trunk_that_sends_national_numbers_is_read_so() -> None:
    assert repair_incoming("2025550123", country="US", number_format="national") == "+12025550123"


def test_numbers_are_shown_national_at_home_and_international_elsewhere() -> None:
    assert display("+493023125000", "DE") == "030 23125000"
    assert display("+493023125000", "GB") == "+49 30 23125000"
    assert display("101", "DE") == "101"
    assert display("anonymous", "DE") == "anonymous"


def test_a_trunk_gets_numbers_as_it_wants_them() -> None:
    assert for_trunk("+493023125000", number_format="international", country="DE") == "00493023125000"
    assert for_trunk("+493023125000", number_format="national", country="DE") == "03023125000"
    assert for_trunk("+442079460958", number_format="national", country="DE") == "00442079460958"
    assert for_trunk("+442079460958", number_format="national", country="US") == "011442079460958"
    for number_format in FORMATS:
        assert for_trunk("112", number_format=number_format, country="DE") == "112"


@pytest.mark.parametrize(("number", "country"), [("112", "DE"), ("911", "US"), ("999", "GB"), ("110", "DE")])
def test_emergency_numbers_are_exact(number: str, country: str) -> None:
    assert is_emergency_number(number, country)
    for wrong in (number + "0", "*" + number, "+" + number, number + "#", number[:-1], ""):
        assert not is_emergency_number(wrong, country)


@pytest.mark.process
@given(st.text(max_size=10))
def test_own_emergency_numbers_are_exact_too(text: str) -> None:
    assert is_emergency_number(text, "DE", ("777",)) == (text in ("110", "112", "777"))


def test_jamaica_is_not_the_united_states_though_it_shares_the_calling_code() -> None:
    assert country_of("+18765550100") == "JM"
    assert country_of("+12025550123") == "US"
    assert country_of("+80012345678") == "001"


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("+493023125000", "ordinary"),
        ("+4915123456789", "ordinary"),
        ("+498001234567", "ordinary"),
        ("+499001234567", "premium_rate"),
        ("+491801234567", "shared_cost"),
        ("+4970012345678", "personal_number"),
        ("+49199", "unknown"),
        ("nonsense", "unknown"),
    ],
)
def test_dear_numbers_are_told_from_ordinary_ones(number: str, kind: str) -> None:
    assert kind_of(number) == kind


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+49 (0)30 23125000", "+493023125000"),
        ("+39 (0)6 69812345", "+390669812345"),
        ("+44 (0)20-7946 0958", "+442079460958"),
    ],
)
def test_a_nought_in_brackets_is_left_out_only_where_it_is_a_trunk_prefix(written: str, number: str) -> None:
    keys = keyed(written)
    assert keys is not None
    assert parse_outside(keys, "GB") == number


def test_digits_of_other_scripts_are_digits() -> None:
    assert keyed("\u0661\u0661\u0662") == "112"


@pytest.mark.parametrize("text", ["", "abc", "1" * 33, "12+3", "10\n1", "tel:101"])
def test_what_cannot_be_keyed_is_refused(text: str) -> None:
    assert keyed(text) is None


@pytest.mark.parametrize("country", ["DE", "GB", "US", "FR", "MX", "CN"])
def test_the_page_knows_the_same_emergency_numbers_as_we_do(country: str) -> None:
    pattern = re.compile(emergency_pattern(country, ["115"]))
    for number in map(str, range(1000)):
        assert bool(pattern.fullmatch(number)) == is_emergency_number(number, country, ["115"])


def test_a_country_without_a_list_leaves_the_own_emergency_numbers() -> None:
    assert emergency_pattern("ZZ") == ""
    assert emergency_pattern("ZZ", ["999", "112"]) == "112|999"


@pytest.mark.parametrize(
    ("keys", "country", "kind"),
    [
        ("116117", "DE", "ordinary"),
        ("115", "DE", "ordinary"),
        ("11833", "DE", "unknown"),
        ("111", "GB", "ordinary"),
        ("118", "CH", "ordinary"),
        ("211", "US", "ordinary"),
    ],
)
def test_a_short_number_of_the_country_is_known_with_its_kind(keys: str, country: str, kind: str) -> None:
    assert is_short_number(keys, country)
    assert kind_of_short(keys, country) == kind


@pytest.mark.parametrize(
    ("keys", "country"),
    [("1150", "DE"), ("101", "DE"), ("+49115", "DE"), ("22022", "US"), ("2345", "GB"), ("116117", "US"), ("11a", "DE")],
)
def test_what_only_might_be_a_short_number_is_none(keys: str, country: str) -> None:
    assert not is_short_number(keys, country)


def test_short_numbers_are_sent_as_they_are_in_every_format() -> None:
    for number_format in ("e164", "international", "national"):
        assert for_trunk("116117", number_format=number_format, country="DE") == "116117"
