"""What a site says of its URLs: hosts whose fragments are pages, tracking parameters."""

import re

import pytest

from corpus.urls.url import (
    RuleError,
    canonical,
    rules_of,
)


@pytest.mark.parametrize(
    "fragment",
    ["heapq.heappush:~:text=Push", "heapq.heappush:~:", "heapq.he%61ppush", "heapq.heappush:~:text=a,-b&text=c"],
)
def test_a_text_directive_is_removed_from_a_fragment_that_is_a_page(fragment: str) -> None:
    page = "https://docs.python.org/3/library/heapq.html"
    assert canonical(f"{page}#{fragment}") == f"{page}#heapq.heappush"


@pytest.mark.parametrize("fragment", [":~:text=Push", "utm_source=x&utm_medium=y", "xtor=RSS-1"])
def test_a_fragment_of_only_directives_or_tracking_is_removed(fragment: str) -> None:
    assert canonical(f"https://docs.python.org/3/a.html#{fragment}") == "https://docs.python.org/3/a.html"


@pytest.mark.parametrize("name", ["Docs.Example", "docs.example.", "https://docs.example/", "docs.example:443"])
def test_a_fragment_host_may_be_spelt_in_any_way(name: str) -> None:
    rules = rules_of([name], [])
    for url in ("https://docs.example/a#b", "https://DOCS.example.:443/a#b"):
        assert canonical(url, rules) == "https://docs.example/a#b"
    assert canonical("http://www.docs.example/a#b", rules) == "http://www.docs.example/a#b"


@pytest.mark.parametrize("name", ["", "docs.example/a", "*.docs.example", "two words", "https://"])
def test_an_invalid_fragment_host_is_named(name: str) -> None:
    with pytest.raises(RuleError, match=re.escape(repr(name))):
        rules_of([name], [])


_TRACKED = """
gad_source gad_campaignid srsltid mtm_campaign mtm_kwd pk_vid pk_campaign _hsenc _hsmi hsa_cam hsa_grp li_fat_id igsh
igshid ysclid _openstat vero_id vero_conv s_kwcid irclickid gclid gclsrc dclid gbraid wbraid fbclid msclkid yclid twclid
ttclid mc_cid mc_eid _ga _gl mkt_tok utm_source utm_id utm_source_platform ef_id rdt_cid epik ScCid mibextid piwik_kwd
matomo_cid __hstc hsCtaTracking oly_enc_id wickedid wt_mc cmpid xtor at_medium at_campaign cm_mmc itm_source bsft_eid
sfmc_sub elqTrackId _branch_match_id guccounter adobe_mc dm_i _kx tblci
bbeml oft_id sc_customer ns_mchannel bd_vid
"""


@pytest.mark.parametrize("name", _TRACKED.split())
def test_parameters_of_ads_and_newsletters_are_dropped(name: str) -> None:
    assert canonical(f"https://example.org/a?id=1&{name}=x.Y-2") == "https://example.org/a?id=1"
    assert canonical(f"https://example.org/a?{name.upper()}") == "https://example.org/a"


_KEPT = "id p page q ref source src s v cid sid tag from lang sc_lang mc hs pk at spm_id trk mbid igs gadget utm"


@pytest.mark.parametrize(
    "name",
    _KEPT.split(),
)
def test_parameters_that_may_identify_a_page_are_kept(name: str) -> None:
    assert canonical(f"https://example.org/a?{name}=1") == f"https://example.org/a?{name}=1"


def test_a_site_can_add_tracking_parameters_by_name_or_prefix() -> None:
    rules = rules_of([], ["Partner_*", "click"])
    assert canonical("https://a.example/?partner_id=1&CLICK=2&clicks=3&gclid=4", rules) == "https://a.example/?clicks=3"


@pytest.mark.parametrize("name", ["", "*", "a*b", "*id", "a=b", "a&b", "two words"])
def test_an_invalid_tracking_parameter_is_named(name: str) -> None:
    with pytest.raises(RuleError, match=re.escape(repr(name))):
        rules_of([], ["good", name])
