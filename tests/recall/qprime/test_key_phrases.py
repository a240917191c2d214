from corpus.text.words import runs, words
from recall.qprime.writers.key_phrases import KeyPhrases, KeyPhraseWriter
from recall.qprime.writers.writer import MAX_QUERIES
from store.page_row import PageText

FOX = PageText(
    "https://a.example/red_fox",
    "Red fox",
    "The red fox is the largest of the true foxes. It hunts small rodents, and is kin to the arctic fox of the tundra.",
    "en",
)
PAGES = [
    FOX,
    PageText("https://a.example/arctic_fox", "Arctic fox", "The arctic fox lives in the tundra of the north.", "en"),
    PageText("https://a.example/rodents", "Rodents", "Small rodents are eaten by the fox and by the owl.", "en"),
    PageText("https://a.example/tundra", "Tundra", "Land of the north without trees.", "en"),
    PageText("https://a.example/owl", "Owl", "A bird of the night that hunts small rodents.", "en"),
    PageText("https://a.example/world", "World system", "A theory of the world and of its system.", "en"),
    PageText("https://a.example/world2", "World history", "The world, and the true red thread of its history.", "en"),
]


def written(page: PageText, settings: KeyPhrases | None = None) -> list[str]:
    return [query.text for query in KeyPhraseWriter.fit(PAGES, settings or KeyPhrases()).write([page])[0]]


def test_the_first_query_is_the_pages_own_topic() -> None:
    assert written(FOX)[0] == "red fox"


def test_other_queries_lead_beyond_the_title() -> None:
    assert any("rodents" in query for query in written(FOX))
    assert any("tundra" in query for query in written(FOX))


def test_queries_contain_no_stop_words_of_the_language() -> None:
    assert not {"the", "is", "of", "it"} & {word for query in written(FOX) for word in query.split()}


def test_a_listed_stop_word_that_names_topics_here_is_kept() -> None:
    assert written(PAGES[5])[0] == "world system"  # `world` and `system` are on the English list


def test_queries_are_not_near_duplicates() -> None:
    sets = [set(query.split()) for query in written(FOX)]
    alike = [len(a & b) / len(a | b) for i, a in enumerate(sets) for b in sets[:i]]
    assert max(alike) <= KeyPhrases().alike


def test_there_are_at_most_ten_queries_whatever_the_setting() -> None:
    long = FOX._replace(snippet=". ".join(f"{a.title} {b.title}" for a in PAGES for b in PAGES))
    assert len(written(long, KeyPhrases(queries=99))) <= MAX_QUERIES


def test_a_page_without_text_has_queries_from_its_url() -> None:
    assert written(PageText("https://a.example/red-fox", "", "", "")) == ["red fox"]


def test_a_page_with_only_unknown_words_has_no_query() -> None:
    assert written(PageText("https://a.example/", "Qwxz", "", "en")) == []


def test_words_of_unspaced_scripts_are_words() -> None:
    assert words("北海道 Fox's") == ["北海道", "fox's"]


def test_punctuation_breaks_runs_and_hyphens_do_not() -> None:
    assert runs("[Science / Chemistry], well-known") == [["science"], ["chemistry"], ["well", "known"]]
