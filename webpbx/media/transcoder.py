"""One codec to another, for two legs that have none in common; about 0.2 ms a packet, so the exception."""

from webpbx.media import codec

MAX_GAP = 50  # packets; a longer one is a new beginning


class Transcoder:
    """Turn the packets of one source from one codec into another, its lost packets left as gaps in time."""

    def __init__(self, source: object, codec_in: str, codec_out: str) -> None:
        self._key = (source, codec_in, codec_out)
        self._seq: int | None = None
        rate_in = codec.RATES[codec_in]
        rate_out = rate_in if codec_out == "opus" else codec.RATES[codec_out]  # libopus takes 8 and 16 kHz as they are
        self._decoder = codec.decoder(codec_in)
        self._resampler = codec.Resampler(rate_in, rate_out)
        self._encoder = codec.encoder(codec_out, rate_out)

    def fits(self, source: object, codec_in: str, codec_out: str) -> bool:
        """Tell whether this transcoder was made for that source and those codecs."""
        return self._key == (source, codec_in, codec_out)

    def take(self, payload: bytes, seq: int) -> list[tuple[bytes, int]]:
        """Return the payloads made of one packet, each with its distance from the last in RTP timestamp units."""
        gap = 1 if self._seq is None else (seq - self._seq) & 0xFFFF
        if not payload or gap == 0 or gap > 0x8000:  # noqa: PLR2004 - half the numbers: doubled or late
            return []
        self._seq = seq
        made = self._encoder.encode(self._resampler.take(self._decoder.decode(payload)))
        lost = gap - 1 if gap <= MAX_GAP else 0
        return [(data, units * (1 + lost) if index == 0 else units) for index, (data, units) in enumerate(made)]
