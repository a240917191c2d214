"""The vocabulary of the simulated web: real words for roots and facets, invented ones for branches and leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from corpus.simulated_web import draw

LANGUAGES = ("en", "de", "es")
WORDS = 8  # per root, branch and leaf

#: Root topics with their words in the first language; those in other languages are invented.
ROOTS = {
    "garden": "garden plants soil seeds flowers watering pruning shade",
    "kitchen": "recipe oven flour sauce spices baking dinner flavour",
    "travel": "travel island hotel border luggage railway coast itinerary",
    "health": "health doctor symptoms sleep vitamins treatment patients muscles",
    "music": "music guitar concert melody singer drums chords album",
    "science": "physics experiment particles theory telescope energy laboratory data",
    "history": "empire century battle museum ancient treaty archive kings",
    "money": "savings mortgage taxes insurance budget pension loans bank",
    "computers": "software keyboard network server programming browser memory update",
    "sport": "football running team coach match stadium league training",
    "cars": "engine brakes tyres gearbox fuel mileage driver workshop",
    "animals": "animals birds habitat feeding species forest breeding wildlife",
    "art": "painting gallery sculpture colours canvas portrait artist sketch",
    "home": "furniture insulation roof bathroom carpet lighting renovation walls",
    "school": "school pupils teacher exams grammar homework lessons reading",
    "law": "court contract lawyer rights appeal statute evidence judge",
}

#: A page's angle on its leaf, as it appears in the title.
FACETS = {
    "en": ("how it began", "choosing the right one", "care and repair", "what it costs", "mistakes to avoid"),
    "de": ("wie es begann", "die richtige Wahl", "Pflege und Reparatur", "was es kostet", "häufige Fehler"),
    "es": ("cómo empezó", "elegir bien", "cuidado y arreglo", "cuánto cuesta", "errores comunes"),
}
GLUE = {
    "en": "the and with for of a to in on that this from are when can which most often",
    "de": "der und mit für die ein zu in auf das diese von sind wenn kann welche meist oft",
    "es": "el y con para de un a en sobre que esta desde son cuando puede cual casi siempre",
}
#: The phrases with which a page's text starts, by increasing worth.
CUES = {
    "en": (
        "Sponsored overview.",
        "Short notes.",
        "A helpful summary.",
        "Clear guide with examples.",
        "In-depth guide with measured results and sources.",
    ),
    "de": (
        "Gesponserter Überblick.",
        "Kurze Notizen.",
        "Nützliche Übersicht.",
        "Klare Anleitung mit Beispielen.",
        "Gründliche Anleitung mit Messwerten und Quellen.",
    ),
    "es": (
        "Resumen patrocinado.",
        "Notas breves.",
        "Resumen útil.",
        "Guía clara con ejemplos.",
        "Guía a fondo con mediciones y fuentes.",
    ),
}
CLICKBAIT = {
    "en": ("You won't believe what happened to", "The shocking secret of", "7 tricks nobody tells you about"),
    "de": ("Du glaubst nicht, was geschah mit", "Das schockierende Geheimnis von", "7 Tricks, die keiner verrät:"),
    "es": ("No vas a creer lo que pasó con", "El secreto impactante de", "7 trucos que nadie cuenta sobre"),
}
SPAM = {"en": "cheap buy online best price", "de": "billig kaufen online bester Preis", "es": "barato comprar en línea"}
MOVED = {"en": "This page has moved.", "de": "Diese Seite ist umgezogen.", "es": "Esta página se ha movido."}

_SYLLABLES = {
    "en": "ba ber ban cor dan del dor el fen gar hol ing kel lan mar ner ol par ral sel tan ver wen yor",
    "de": "bach berg dorf ei fels ger hau kra lich mau nau ober rei schw stei tal ung wald zei zing lau holz heim keit",
    "es": "ba ca ción do es fa gui ja la lle mo na ña or pe que ri sa ta tu va ve za zo",
}
_INVENTED = 3  # syllables of an invented word


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """One language's topic words in one array: WORDS per root, then per branch, then per leaf."""

    words: pa.Array
    branches_from: int
    leaves_from: int

    def of_root(self, root: NDArray[np.int64], nth: NDArray[np.int64]) -> pa.Array:
        """Return the nth word of each root."""
        return self.words.take(pa.array(root * WORDS + nth))

    def of_branch(self, branch: NDArray[np.int64], nth: NDArray[np.int64]) -> pa.Array:
        """Return the nth word of each branch."""
        return self.words.take(pa.array(self.branches_from + branch * WORDS + nth))

    def of_leaf(self, leaf: NDArray[np.int64], nth: NDArray[np.int64]) -> pa.Array:
        """Return the nth word of each leaf."""
        return self.words.take(pa.array(self.leaves_from + leaf * WORDS + nth))


def vocabulary(language: str, width: int, seed: int) -> Vocabulary:
    """Return the topic words of one language, for a tree with `width` branches per root and leaves per branch."""
    sizes = [len(ROOTS) * WORDS * width**depth for depth in range(3)]
    words = _invented(sum(sizes), language, seed)
    if language == LANGUAGES[0]:
        real = pa.array(" ".join(ROOTS.values()).split())
        words = pa.concat_arrays([real, words.slice(len(real))])
    return Vocabulary(words, sizes[0], sizes[0] + sizes[1])


def _invented(count: int, language: str, seed: int) -> pa.Array:
    syllables = pa.array(_SYLLABLES[language].split())
    stream = 100 + LANGUAGES.index(language)
    parts = [
        syllables.take(pa.array(draw.below(len(syllables), seed, stream, np.arange(count), place)))
        for place in range(_INVENTED)
    ]
    return pc.binary_join_element_wise(*parts, "")
