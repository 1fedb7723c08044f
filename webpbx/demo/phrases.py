"""What the outside world says, by sound name; the sounds are made of it by `scripts/sounds` and committed."""

from typing import Final, NamedTuple


class Phrase(NamedTuple):
    """An espeak-ng voice and its words."""

    voice: str
    words: str


PHRASES: Final[dict[str, Phrase]] = {
    "hello-en": Phrase(
        "en-gb",
        "Hello! You have reached the outside world of the web P B X demo. If you can hear me, then sound "
        "travels from a telephone line to your browser. Everything you hear runs on your own computer. "
        "Nobody is charged for this call. Thank you for calling, and goodbye.",
    ),
    "hello-de": Phrase(
        "de",
        "Guten Tag! Sie sind mit der Außenwelt der Vorführung verbunden. Wenn Sie mich hören, kommt der Ton "
        "aus einer Telefonleitung in Ihrem Browser an. Alles, was Sie hören, läuft auf Ihrem eigenen "
        "Rechner. Dieser Anruf kostet nichts. Vielen Dank für Ihren Anruf und auf Wiederhören.",
    ),
    "caller-en": Phrase(
        "en-gb",
        "Hello, this is a caller from the outside world. Please say something now. You will hear your own "
        "voice come back to you. Hang up whenever you like.",
    ),
    "caller-de": Phrase(
        "de",
        "Guten Tag, hier ist ein Anruf aus der Außenwelt. Bitte sagen Sie jetzt etwas. Sie hören dann Ihre "
        "eigene Stimme zurück. Legen Sie auf, wann immer Sie möchten.",
    ),
    "please-wait": Phrase(
        "de",
        "Einen Moment bitte. Sie hören diese Ansage, bevor jemand abnimmt. Gleich wird Ihr Anruf angenommen.",
    ),
    "not-in-service": Phrase(
        "de",
        "Diese Rufnummer ist nicht vergeben. Bitte prüfen Sie die Nummer.",
    ),
    "pretend-emergency-de": Phrase(
        "de",
        "Dies ist nur eine Vorführung. Sie haben nicht den Notruf erreicht. Brauchen Sie wirklich Hilfe, "
        "dann nehmen Sie ein anderes Telefon.",
    ),
    "pretend-emergency-en": Phrase(
        "en-gb",
        "This is only a demonstration. You have not reached the emergency services. If you really need "
        "help, use another telephone.",
    ),
}

# What the telephone system itself says, of every company.
PROMPTS: Final[dict[str, Phrase]] = {
    "emergency-no-trunk-en": Phrase(
        "en-gb",
        "Your emergency call cannot be connected, because the line to the telephone network is down. "
        "Use another telephone now, such as a mobile phone. I repeat. Use another telephone now.",
    ),
    "emergency-no-trunk-de": Phrase(
        "de",
        "Ihr Notruf kann nicht verbunden werden, weil die Leitung zum Telefonnetz gestört ist. "
        "Nehmen Sie sofort ein anderes Telefon, zum Beispiel ein Mobiltelefon. Ich wiederhole. "
        "Nehmen Sie sofort ein anderes Telefon.",
    ),
}
