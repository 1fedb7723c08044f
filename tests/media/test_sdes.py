import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webpbx.media import sdes

KEY30 = base64.b64encode(bytes(range(30))).decode()
KEY28 = base64.b64encode(bytes(range(28))).decode()


@pytest.mark.parametrize(
    ("value", "suite"),
    [
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}", "AES_CM_128_HMAC_SHA1_80"),
        (f"2 AES_CM_128_HMAC_SHA1_32 inline:{KEY30}|2^31", "AES_CM_128_HMAC_SHA1_32"),
        (f"3 AES_CM_128_HMAC_SHA1_80  inline:{KEY30}|2147483648 WSH=128", "AES_CM_128_HMAC_SHA1_80"),
        (f"4 AEAD_AES_128_GCM inline:{KEY28}", "AEAD_AES_128_GCM"),
        (f"5 AEAD_AES_128_GCM inline:{KEY28.rstrip('=')} -SOMETHING=1", "AEAD_AES_128_GCM"),
    ],
)
def test_a_key_is_read_with_whatever_may_stand_beside_it(value: str, suite: str) -> None:
    (crypto,) = sdes.read([value])
    assert crypto.suite == suite
    assert crypto.tag == int(value[0])
    assert crypto.master == bytes(range(len(crypto.master)))


@pytest.mark.parametrize(
    "value",
    [
        f"1 AES_CM_256_HMAC_SHA1_80 inline:{KEY30}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY28}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}|2^20|1:9",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}|2^20|256:1",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30};inline:{KEY30}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30} UNENCRYPTED_SRTP",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30} UNAUTHENTICATED_SRTP",
        f"1 AES_CM_128_HMAC_SHA1_80 uri:{KEY30}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}|1:1|2^31",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}|",
        "1 AES_CM_128_HMAC_SHA1_80 inline:====",
        "1 AES_CM_128_HMAC_SHA1_80 inline:äöü",
        "",
    ],
)
def test_what_cannot_be_used_or_would_weaken_the_protection_is_passed_over(value: str) -> None:
    good = f"9 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}"
    assert [crypto.tag for crypto in sdes.read([value, good])] == [9]


def test_a_key_written_is_the_key_read() -> None:
    crypto = sdes.Crypto(7, "AEAD_AES_128_GCM", bytes(range(28)))
    assert sdes.read([crypto.line().removeprefix("a=crypto:")]) == (crypto,)


@pytest.mark.parametrize(("rest", "mki"), [("|1:1", b"\1"), ("|2^31|258:4", b"\0\0\1\2"), ("|2^31", b"")])
def test_the_name_of_a_key_is_read(rest: str, mki: bytes) -> None:
    (crypto,) = sdes.read([f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}{rest}"])
    assert crypto.mki == mki


def test_a_key_is_not_shown() -> None:
    assert "x01" not in repr(sdes.Crypto(7, "AEAD_AES_128_GCM", bytes(range(28))))


@given(st.text(max_size=200))
def test_no_text_trips_the_reader(text: str) -> None:
    for value in (text, f"1 AES_CM_128_HMAC_SHA1_80 inline:{text}", f"1 AEAD_AES_128_GCM inline:{KEY28}{text}"):
        for crypto in sdes.read([value]):
            assert len(crypto.master) == crypto.profile.key + crypto.profile.salt
