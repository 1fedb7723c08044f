from contextlib import suppress

import pytest
from aiortc import RTCCertificate
from OpenSSL import SSL

from webpbx.media.dtls import MTU, DtlsIdentity, DtlsServer, DtlsState, split_records
from webpbx.media.packet import PacketBuffer
from webpbx.media.srtp import PROFILES, SrtpContext

ALERT = bytes.fromhex("15fefd00000000000000000002" + "0250")
PROFILE_NAMES = [profile.name for profile in PROFILES]


class Client:
    """A DTLS client of OpenSSL's, with a certificate of its own."""

    def __init__(self, profiles: bytes = b":".join(PROFILE_NAMES)) -> None:
        certificate = RTCCertificate.generateCertificate()
        context = SSL.Context(SSL.DTLS_METHOD)
        context.use_certificate(certificate._cert)
        context.use_privatekey(certificate._key)
        context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        context.set_tlsext_use_srtp(profiles)
        self.fingerprint = ("sha-256", certificate.getFingerprints()[0].value)
        self.connection = SSL.Connection(context)
        self.connection.set_connect_state()
        self.inbox: list[bytes] = []

    def step(self, server: DtlsServer) -> None:
        """Read what came, go on, hand over what results."""
        for datagram in self.inbox:
            self.connection.bio_write(datagram)
        self.inbox.clear()
        with suppress(SSL.WantReadError):
            self.connection.do_handshake()
        with suppress(SSL.WantReadError):
            server.receive(self.connection.bio_read(65536))


def meet(client: Client, fingerprints: list[tuple[str, str]] | None = None) -> DtlsServer:
    chosen = [client.fingerprint] if fingerprints is None else fingerprints
    server = DtlsServer(DtlsIdentity(), fingerprints=chosen, send=client.inbox.append)
    for _ in range(6):
        client.step(server)
    return server


@pytest.mark.parametrize("profile", PROFILE_NAMES)
def test_both_sides_derive_the_keys_of_the_profile_they_agree_on(profile: bytes) -> None:
    client = Client(profile)
    server = meet(client)
    assert server.state is DtlsState.ESTABLISHED
    assert server.inbound is not None
    found = next(each for each in PROFILES if each.name == profile)
    material = client.connection.export_keying_material(b"EXTRACTOR-dtls_srtp", found.material)
    packet = PacketBuffer()
    data = bytes.fromhex("8008000100000002000000030102030405060708")
    packet.view[: len(data)] = data
    end = SrtpContext(found, found.master(material, server=False), outbound=True).protect(packet, 0, len(data))
    assert bytes(packet.view[: len(data)]) != data
    assert server.inbound.unprotect(packet, end) == len(data)
    assert bytes(packet.view[: len(data)]) == data


def test_the_strongest_profile_is_preferred() -> None:
    client = Client(b":".join(reversed(PROFILE_NAMES)))
    meet(client)
    assert client.connection.get_selected_srtp_profile() == b"SRTP_AEAD_AES_256_GCM"


@pytest.mark.parametrize("fingerprints", [[("sha-256", "AA:" * 31 + "AA")], [("sha-1", "AA")], []])
def test_a_certificate_that_was_not_announced_is_refused(fingerprints: list[tuple[str, str]]) -> None:
    server = meet(Client(), fingerprints)
    assert server.state is DtlsState.REFUSED
    assert server.refusal == "fingerprint_mismatch"
    assert server.inbound is None


def test_every_known_fingerprint_must_match() -> None:
    client = Client()
    assert meet(client, [client.fingerprint, ("sha-512", "AA")]).state is DtlsState.REFUSED


def test_an_alert_before_the_handshake_does_not_prevent_it() -> None:
    client = Client()
    server = DtlsServer(DtlsIdentity(), fingerprints=[client.fingerprint], send=client.inbox.append)
    server.receive(ALERT)
    for _ in range(6):
        client.step(server)
    assert server.state is DtlsState.ESTABLISHED


def test_a_forged_alert_afterwards_changes_nothing_and_a_real_close_is_noticed() -> None:
    client = Client()
    server = meet(client)
    server.receive(ALERT)
    server.receive(bytes(50))
    states = [server.state]
    client.connection.shutdown()
    server.receive(client.connection.bio_read(65536))
    states.append(server.state)
    assert states == [DtlsState.ESTABLISHED, DtlsState.CLOSED]


def test_flights_are_cut_between_records() -> None:
    record = bytes(11) + (500).to_bytes(2, "big") + bytes(500)
    datagrams = split_records(record * 5)
    assert b"".join(datagrams) == record * 5
    assert [len(datagram) // len(record) for datagram in datagrams] == [2, 2, 1]
    assert max(map(len, datagrams)) <= MTU


def test_a_replayed_packet_is_refused() -> None:
    profile = PROFILES[0]
    master = bytes(range(profile.key + profile.salt))
    outbound = SrtpContext(profile, master, outbound=True)
    inbound = SrtpContext(profile, master, outbound=False)
    packet = PacketBuffer()
    packet.view[:16] = bytes.fromhex("80080001000000020000000301020304")
    end = outbound.protect(packet, 0, 16)
    copy = bytes(packet.view[:end])
    assert inbound.unprotect(packet, end) == 16
    packet.view[:end] = copy
    assert inbound.unprotect(packet, end) == -1
    packet.view[:16] = bytes.fromhex("80080001000000020000000301020304")
    assert outbound.protect(packet, 0, 16) == -1
