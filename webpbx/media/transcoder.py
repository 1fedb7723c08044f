"""One codec to another, for two legs that have none in common; about 0.2 ms a packet, so the exception."""

from webpbx.media import codec
from webpbx.media.rtp import CLOCKS

LONGEST_PAUSE = 60  # seconds; a timestamp that leaps further is a new beginning


class Transcoder:
    """Turn the packets of one source from one codec into another; what was lost or not sent is a gap in time."""

    def __init__(self, source: object, codec_in: str, codec_out: str) -> None:
        self._key = (source, codec_in, codec_out)
        self._seq: int | None = None
        self._expected = 0  # timestamp of the next packet, if nothing is missing
        self._gap = 0  # RTP time out
        rate_in = codec.RATES[codec_in]
        rate_out = rate_in if codec_out == "opus" else codec.RATES[codec_out]  # libopus takes 8 and 16 kHz as they are
        self._rate, self._clock_in, self._clock_out = rate_in, CLOCKS[codec_in], CLOCKS[codec_out]
        self._decoder = codec.decoder(codec_in)
        self._resampler = codec.Resampler(rate_in, rate_out)
        self._encoder = codec.encoder(codec_out, rate_out)

    def fits(self, source: object, codec_in: str, codec_out: str) -> bool:
        """Tell whether this transcoder was made for that source and those codecs."""
        return self._key == (source, codec_in, codec_out)

    def take(self, payload: bytes, seq: int, timestamp: int) -> list[tuple[bytes, int]]:
        """Return the payloads made of one packet, each with its distance from the last in RTP timestamp units."""
        first = self._seq is None
        if not payload or not (first or 0 < (seq - (self._seq or 0)) & 0xFFFF < 0x8000):  # noqa: PLR2004 - half of all
            return []  # doubled or late
        self._seq = seq
        missing = 0 if first else (timestamp - self._expected) & 0xFFFFFFFF
        if missing <= LONGEST_PAUSE * self._clock_in:
            self._gap += missing * self._clock_out // self._clock_in
        pcm = self._decoder.decode(payload)
        self._expected = timestamp + len(pcm) * self._clock_in // self._rate
        made = self._encoder.encode(self._resampler.take(pcm))
        if made:
            made[0] = (made[0][0], made[0][1] + self._gap)
            self._gap = 0
        return made
