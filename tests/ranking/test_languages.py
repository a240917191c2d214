import pytest

from ranking.languages import ANY_LANGUAGE, SiteLanguages

SITE = SiteLanguages({"de": 10, "en": 90, "es": 30, "ru": 5})


@pytest.mark.parametrize("language", ["en", "ru", ""])
def test_a_language_of_the_site_stays(language: str) -> None:
    assert SITE.nearest(language) == language


@pytest.mark.parametrize(("language", "nearest"), [("ca", "es"), ("uk", "ru"), ("lb", "de")])
def test_a_language_that_its_readers_also_read_comes_next(language: str, nearest: str) -> None:
    assert SITE.nearest(language) == nearest


@pytest.mark.parametrize("language", ["fr", "ja", "fi"])
def test_otherwise_the_main_language_of_the_site(language: str) -> None:
    assert SITE.nearest(language) == "en"


def test_without_counts_every_language_stays() -> None:
    assert ANY_LANGUAGE.nearest("fr") == "fr"
