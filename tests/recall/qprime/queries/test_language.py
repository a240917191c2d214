import pytest
from hypothesis import given
from hypothesis import strategies as st

from recall.qprime.queries.language import in_another_language

OWN = [
    ("en", "how to locate and replace fuses"),
    ("en-GB", "red fox hunting behaviour in winter"),
    ("en", "La vie en rose lyrics meaning in english"),
    ("de", "Wie repariert man einen kaputten Bildschirm"),
    ("es", "mejores restaurantes de tapas en Sevilla"),
    ("nb", "beste fjellturer i Lofoten om sommeren"),
    ("ru", "как приготовить борщ дома"),
    ("ja", "富士山の登山ルートと装備"),
    ("ja", "富士山 吉田ルート 山小屋 予約方法"),
    ("zh", "富士山登山路线和装备"),
    ("ko", "서울 여행 코스 추천"),
    ("ar", "طريقة عمل الكبسة السعودية"),
    ("hi", "घर पर पनीर कैसे बनाएं"),
    ("th", "วิธีทำต้มยำกุ้ง"),
]


@pytest.mark.parametrize(("language", "query"), OWN)
def test_a_query_in_the_pages_language_passes(language: str, query: str) -> None:
    assert not in_another_language(query, language)


@pytest.mark.parametrize(
    ("language", "query"),
    [
        ("en", "富士山の登山"),
        ("en", "борщ"),
        ("ja", "서울 여행"),
        ("ru", "טיול בתל אביב"),
        ("ja", "как приготовить борщ"),
        ("zh", "スカイツリーのチケット"),
    ],
)
def test_another_script_is_decisive_even_in_a_short_query(language: str, query: str) -> None:
    assert in_another_language(query, language)


@pytest.mark.parametrize(
    ("language", "query"),
    [
        ("de", "how to locate and replace fuses"),
        ("ja", "how to locate and replace fuses"),
        ("en", "mejores restaurantes de tapas en Sevilla"),
        ("fr", "wie repariert man einen kaputten Bildschirm"),
        ("zh", "富士山の登山ルートと装備"),
        ("ru", "як приготувати український борщ"),
    ],
)
def test_a_long_query_in_another_language_is_detected_by_its_words(language: str, query: str) -> None:
    assert in_another_language(query, language)


@pytest.mark.parametrize("language", ["ja", "ru", "de", "en", "ar"])
@pytest.mark.parametrize(
    "query",
    ["iPhone 15 Pro Max", "Sony Alpha 7 IV FE 24-70mm Lens", "Real Madrid vs Paris Saint-Germain", "numpy", "2024"],
)
def test_names_in_latin_script_pass_on_any_page(language: str, query: str) -> None:
    assert not in_another_language(query, language)


@pytest.mark.parametrize("language", ["", "xx", "tlh"])
def test_a_page_of_unknown_language_lets_every_query_pass(language: str) -> None:
    assert not any(in_another_language(query, language) for _, query in OWN)


def test_a_foreign_word_in_a_query_passes() -> None:
    assert not in_another_language("meaning of the kanji 漢字 in names", "en")
    assert not in_another_language("Kubernetes 使い方 入門", "ja")


@given(st.text(max_size=30), st.sampled_from(["en", "ja", "ru", ""]))
def test_no_text_breaks_language_detection(query: str, language: str) -> None:
    assert in_another_language(query, language) in (True, False)
