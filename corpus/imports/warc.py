"""WARC: pages, canonical links and redirects from the responses of a crawl (gzip, zstd, chunked, any charset)."""

from __future__ import annotations

from collections.abc import Iterator

from fastwarc.warc import ArchiveIterator, WarcRecord, WarcRecordType

from corpus.imports.export_file import ExportFile
from corpus.imports.html_page import LARGEST, joined, records_of_page
from corpus.imports.records import Alias, LeftOut, Numbered, Record
from corpus.schema import InputError

_HTML = ("text/html", "application/xhtml+xml")
_REDIRECTS = frozenset({301, 308})  # permanent ones: 302 and 307 say that the address stays
_OK = 200
_HEADERS = ("WARC-Target-URI", "Content-Type")
_LARGEST_RECORD = LARGEST + (1 << 20)  # bytes, as stored: headers, and the page compressed or in chunks


class Warc:
    """Reads the HTML pages of a crawl."""

    name, title, unit = "warc", "a WARC file", "response"

    def recognises(self, file: ExportFile) -> bool:
        return file.head.startswith(b"WARC/")

    def read(self, file: ExportFile) -> Numbered:
        number = 0
        try:
            with file.path.open("rb") as stream:
                found = ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=False)
                for number, stored in enumerate(found, 1):
                    for record in _records(_copy(stored)):
                        yield number, record
        except (OSError, ValueError) as error:
            raise InputError(f"{file.path} breaks after response {number}: {error}: fetch the file again") from error


def _copy(stored: WarcRecord) -> WarcRecord:
    """Return the start of a record by itself: an error in what it holds must not end the file's stream."""
    record = WarcRecord()
    record.init_headers(WarcRecordType.response)
    for name in _HEADERS:
        if value := stored.headers.get(name):
            record.headers[name] = value
    record.set_bytes_content(stored.reader.read(_LARGEST_RECORD))
    record.is_http = stored.is_http
    return record


def _records(response: WarcRecord) -> Iterator[Record]:
    url = (response.headers.get("WARC-Target-URI") or "").strip("<> ")
    try:
        response.parse_http(auto_decode="all")
        yield from list(_read(url, response))
    except (OSError, ValueError) as error:
        yield LeftOut("damaged: its encoding cannot be undone", "WARC-Target-URI", f"{url}: {error}")


def _read(url: str, response: WarcRecord) -> Iterator[Record]:
    http = response.http_headers
    if http is None:
        yield LeftOut("not HTTP", "WARC-Target-URI", url)
        return
    status, kind = http.status_code, (http.get("Content-Type") or "").lower()
    if status in _REDIRECTS and (target := http.get("Location")):
        yield Alias(url, joined(url, target))
    elif status != _OK:
        yield LeftOut(f"status {status}", "status", url)
    elif not kind.startswith(_HTML):
        yield LeftOut("not HTML", "Content-Type", kind)
    elif "noindex" in (http.get("X-Robots-Tag") or "").lower():
        yield LeftOut("noindex: the site does not want it found", "X-Robots-Tag", url)
    else:
        yield from records_of_page(url, response.reader.read(LARGEST), http.get("Content-Type"))
