"""Snowplow: enriched events as tab-separated lines of 131 columns without a header.

Columns: https://docs.snowplow.io/docs/fundamentals/canonical-event/, in the order of the enriched TSV format.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import orjson
from crawleruseragents import is_crawler

from corpus.imports.export_file import ExportFile
from corpus.imports.instants import from_text
from corpus.imports.records import MALFORMED, NO_URL, ROBOT, Engagement, LeftOut, Numbered, Record, View
from corpus.imports.text_records import text_lines

_COLUMNS = """
app_id platform etl_tstamp collector_tstamp dvce_created_tstamp event event_id txn_id name_tracker v_tracker
v_collector v_etl user_id user_ipaddress user_fingerprint domain_userid domain_sessionidx network_userid geo_country
geo_region geo_city geo_zipcode geo_latitude geo_longitude geo_region_name ip_isp ip_organization ip_domain
ip_netspeed page_url page_title page_referrer page_urlscheme page_urlhost page_urlport page_urlpath page_urlquery
page_urlfragment refr_urlscheme refr_urlhost refr_urlport refr_urlpath refr_urlquery refr_urlfragment refr_medium
refr_source refr_term mkt_medium mkt_source mkt_term mkt_content mkt_campaign contexts se_category se_action se_label
se_property se_value unstruct_event tr_orderid tr_affiliation tr_total tr_tax tr_shipping tr_city tr_state tr_country
ti_orderid ti_sku ti_name ti_category ti_price ti_quantity pp_xoffset_min pp_xoffset_max pp_yoffset_min
pp_yoffset_max useragent br_name br_family br_version br_type br_renderengine br_lang br_features_pdf
br_features_flash br_features_java br_features_director br_features_quicktime br_features_realplayer
br_features_windowsmedia br_features_gears br_features_silverlight br_cookies br_colordepth br_viewwidth br_viewheight
os_name os_family os_manufacturer os_timezone dvce_type dvce_ismobile dvce_screenwidth dvce_screenheight doc_charset
doc_width doc_height tr_currency tr_total_base tr_tax_base tr_shipping_base ti_currency ti_price_base base_currency
geo_timezone mkt_clickid mkt_network etl_tags dvce_sent_tstamp refr_domain_userid refr_device_tstamp derived_contexts
domain_sessionid derived_tstamp event_vendor event_name event_format event_version event_fingerprint true_tstamp
"""

#: The columns of an enriched event, in order.
COLUMNS: tuple[str, ...] = tuple(_COLUMNS.split())
_USED = (
    "event", "event_name", "page_url", "page_title", "page_referrer", "domain_userid", "domain_sessionid",
    "domain_sessionidx", "derived_tstamp", "collector_tstamp", "br_type", "dvce_type", "useragent",
)  # fmt: skip
_AT = {name: COLUMNS.index(name) for name in _USED}
_LONGEST_AGENT = 1_000  # characters that are looked at, and remembered
_BAD_ROWS = "com.snowplowanalytics.snowplow.badrows/"


class Snowplow:
    """Reads page views, and reading time from page pings."""

    name, title, unit = "snowplow", "Snowplow's enriched events (TSV)", "line"

    def recognises(self, file: ExportFile) -> bool:
        first = file.start.lstrip("\r\n").partition("\n")[0]
        return first.count("\t") == len(COLUMNS) - 1 or _BAD_ROWS in first

    def read(self, file: ExportFile) -> Numbered:
        for number, line in text_lines(file):
            if isinstance(line, LeftOut):
                yield number, line
            elif line.startswith("{"):
                yield number, _bad_row(line)
            elif not line.startswith(f"{COLUMNS[0]}\t{COLUMNS[1]}\t"):  # some exports add a header
                yield number, _of_line(line)


def _bad_row(line: str) -> LeftOut:
    """Name an event that Snowplow itself rejected."""
    try:
        schema = orjson.loads(line).get("schema", "")
    except (orjson.JSONDecodeError, AttributeError):
        schema = ""
    kind = schema.partition(_BAD_ROWS)[2].partition("/")[0] if isinstance(schema, str) else ""
    return LeftOut(f"rejected by Snowplow: {kind[:60] or 'unknown'}", "schema")


def _of_line(line: str) -> Record:
    values = line.split("\t")
    if len(values) != len(COLUMNS):
        return LeftOut(f"{MALFORMED}: not {len(COLUMNS)} columns", value=f"{len(values)} columns")
    return _record({name: values[column] for name, column in _AT.items()})


def _record(event: Mapping[str, str]) -> Record:
    kind = event["event"]
    if kind not in ("page_view", "page_ping"):
        name = event["event_name"] or kind
        return LeftOut(f"event {name[:60]}", "event", name)
    if not event["page_url"]:
        return LeftOut(NO_URL, "page_url")
    if "Robot" in (event["br_type"], event["dvce_type"]) or _is_crawler(event["useragent"][:_LONGEST_AGENT]):
        return LeftOut(ROBOT, "useragent", event["useragent"])
    time = from_text(event["derived_tstamp"]) or from_text(event["collector_tstamp"])
    if time is None:
        return LeftOut("bad time", "derived_tstamp", event["derived_tstamp"])
    session = _session(event)
    if kind == "page_ping":
        return Engagement(event["page_url"], time, session, None)
    return View(event["page_url"], time, session, event["page_title"], event["page_referrer"])


@lru_cache(10_000)
def _is_crawler(user_agent: str) -> bool:
    return bool(user_agent) and bool(is_crawler(user_agent))


def _session(event: Mapping[str, str]) -> str | None:
    """Return the session; older trackers have no `domain_sessionid`, but number a reader's sessions."""
    if event["domain_sessionid"]:
        return event["domain_sessionid"]
    user, index = event["domain_userid"], event["domain_sessionidx"]
    return f"{user} {index}" if user and index else None
