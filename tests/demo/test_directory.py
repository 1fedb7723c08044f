import phonenumbers
import pytest

from webpbx.demo import directory
from webpbx.demo.answering import ANSWERING, be_unknown, pretend_to_be_the_emergency_service, who_answers


@pytest.mark.parametrize("number", [*directory.COMPANY, *ANSWERING, directory.CALLER])
def test_every_number_is_from_berlins_block_for_films_and_can_be_dialled(number: str) -> None:
    assert number.startswith("+493023125")
    assert len(number) == len("+493023125") + 3
    assert phonenumbers.is_valid_number(phonenumbers.parse(number))


def test_no_number_is_both_the_companys_and_the_outside_worlds() -> None:
    assert len({*directory.COMPANY, *ANSWERING, directory.CALLER}) == len(directory.COMPANY) + len(ANSWERING) + 1


@pytest.mark.parametrize("dialled", ["+493023125804", "00493023125804", "03023125804", "+49-30-23125-804"])
def test_a_number_is_understood_in_every_trunks_format(dialled: str) -> None:
    assert directory.dialled_number(dialled) == directory.ECHO


@pytest.mark.parametrize("dialled", ["112", "110"])
def test_an_emergency_number_is_answered_by_the_pretended_service(dialled: str) -> None:
    assert who_answers(directory.dialled_number(dialled)) is pretend_to_be_the_emergency_service


@pytest.mark.parametrize("dialled", ["", "anna", "+493023125999", "1", "+1", "sip", "\x00", "+493023125804;x=1"])
def test_nobody_answers_at_any_other_number(dialled: str) -> None:
    assert who_answers(directory.dialled_number(dialled)) is be_unknown
