"""Languages, stop words, key phrases, spam and adult flags in ten scripts."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from paragraphs import PARAGRAPHS, Page

from corpus.text.page_text import detect_languages, is_adult, is_spam
from corpus.text.stop_words import stop_words
from corpus.text.words import is_letter, words
from recall.qprime.writers.key_phrases import KeyPhraseWriter

GREEK: list[Page] = [
    (
        "Πώς να ψήσετε ψωμί στο σπίτι",
        "Ανακατέψτε το αλεύρι με το νερό, το αλάτι και τη μαγιά και αφήστε τη ζύμη να φουσκώσει όλη τη νύχτα. Πλάστε το"
        " καρβέλι και ψήστε το σε πολύ ζεστό φούρνο. Το φυσικό προζύμι δίνει στο ψωμί καλύτερη γεύση.",
    ),
    (
        "Ψωμί σίκαλης με προζύμι",
        "Το αλεύρι σίκαλης απορροφά περισσότερο νερό από το σιτάρι και γι' αυτό η ζύμη κολλάει. Το προζύμι θέλει τάισμα"
        " την προηγούμενη ημέρα. Το ψωμί αυτό κρατάει μια εβδομάδα.",
    ),
    (
        "Πώς κρίνεται το πρωτάθλημα",
        "Κάθε ομάδα παίζει δύο φορές με κάθε άλλη. Η νίκη δίνει τρεις βαθμούς και η ισοπαλία έναν. Αν δύο ομάδες έχουν"
        " τους ίδιους βαθμούς, μετράει η διαφορά των τερμάτων.",
    ),
    (
        "Τι προπονεί ένας τερματοφύλακας",
        "Ο τερματοφύλακας μιας ομάδας εξασκείται σε άλματα, πιασίματα και μακρινές μπαλιές. Στον αγώνα οργανώνει την"
        " άμυνα και σταματά τα σουτ.",
    ),
]


class Sample(NamedTuple):
    """A frequent function word, words of which spam is made, and an adult title."""

    function_word: str
    stuffing: str
    adult: str


SAMPLES = {
    "fr": Sample("le", "acheter montre pas cher ", "vidéos porno gratuites"),
    "ru": Sample("не", "купить часы дёшево ", "смотреть порно онлайн"),
    "el": Sample("και", "αγορά ρολόι φθηνά ", "δωρεάν πορνό"),
    "ar": Sample("من", "شراء ساعات رخيصة ", "أفلام إباحية"),
    "he": Sample("של", "לקנות שעון בזול ", "סרטי פורנו"),
    "hi": Sample("और", "सस्ती घड़ी खरीदें ", "मुफ्त पोर्न"),
    "th": Sample("การ", "ซื้อนาฬิการาคาถูก ", "ดูหนังโป๊ฟรี"),
    "zh": Sample("的", "便宜 手表 购买 ", "免费色情电影"),
    "ja": Sample("は", "時計 激安 購入 ", "無料ポルノ動画"),
    "ko": Sample("그리고", "시계 싸게 구매 ", "무료 야동"),
}
LANGUAGES = list(SAMPLES)


class Written(NamedTuple):
    """A page as a query writer reads it."""

    url: str
    title: str
    snippet: str
    language: str


def pages(language: str) -> list[Page]:
    return GREEK if language == "el" else list(PARAGRAPHS[language])


def texts(language: str) -> list[str]:
    return [f"{title} {snippet}" for title, snippet in pages(language)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_language_is_detected(language: str) -> None:
    assert detect_languages(texts(language)) == [language] * 4


@pytest.mark.parametrize("language", LANGUAGES)
def test_stop_words_are_spelt_as_words_are(language: str) -> None:
    listed = stop_words(language)
    assert SAMPLES[language].function_word in listed
    assert all(words(word) == [word] for word in listed)


def test_an_unknown_language_has_no_stop_words() -> None:
    assert stop_words("") == stop_words("xx") == frozenset()
    assert stop_words("pt-BR") == stop_words("pt") != frozenset()


@pytest.mark.parametrize("language", LANGUAGES)
def test_key_phrases_say_what_the_page_is_about(language: str) -> None:
    written = [Written("https://a.example/", *page, other) for other in LANGUAGES for page in pages(other) * 10]
    own = [page for page in written if page.language == language][:1]
    (queries,) = KeyPhraseWriter.fit(written).write(own)
    found = [word for query in queries for word in query.text.split()]
    assert len(queries) >= 3
    assert set(found) <= set(words(f"{own[0].title} {own[0].snippet}"))
    listed = stop_words(language)
    in_text = words(f"{own[0].title} {own[0].snippet}")
    share, of_text = (sum(word in listed for word in some) / len(some) for some in (found, in_text))
    assert share <= of_text / 2
    assert not any(map(is_letter, found))


@pytest.mark.parametrize("language", LANGUAGES)
def test_ordinary_pages_are_neither_spam_nor_adult(language: str) -> None:
    for title, snippet in pages(language):
        assert not is_spam(title, snippet)
        assert not is_adult("https://a.example/", title, snippet)


@pytest.mark.parametrize("language", LANGUAGES)
def test_stuffed_shouting_and_linking_pages_are_spam(language: str) -> None:
    title, snippet = pages(language)[0]
    assert is_spam(title, SAMPLES[language].stuffing * 12)
    assert is_spam(f"{title}！！！", snippet)
    assert is_spam(
        title, f"{snippet[:20]} https://a.example https://b.example www.c.example www.d.example www.e.example"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_adult_title_is_flagged(language: str) -> None:
    assert is_adult("https://a.example/", SAMPLES[language].adult, "")
