"""Maps names of the standard library to their URLs on docs.python.org."""

from __future__ import annotations

import inspect

LIBRARY = "https://docs.python.org/3/library/"

# Submodules -> the page that documents them, '' if it is named after the module.
DOCUMENTED_INSIDE = {
    "collections.abc": "",
    "concurrent.futures": "",
    "curses.ascii": "",
    "curses.panel": "",
    "curses.textpad": "curses",
    "email.charset": "",
    "email.encoders": "",
    "email.errors": "",
    "email.generator": "",
    "email.header": "",
    "email.headerregistry": "",
    "email.iterators": "",
    "email.message": "",
    "email.mime.application": "email.mime",
    "email.mime.base": "email.mime",
    "email.mime.image": "email.mime",
    "email.mime.multipart": "email.mime",
    "email.mime.text": "email.mime",
    "email.parser": "",
    "email.policy": "",
    "email.utils": "",
    "html.entities": "",
    "html.parser": "",
    "http.client": "",
    "http.cookiejar": "",
    "http.cookies": "",
    "http.server": "",
    "importlib.abc": "importlib",
    "importlib.machinery": "importlib",
    "importlib.metadata": "",
    "importlib.resources": "",
    "importlib.util": "importlib",
    "logging.config": "",
    "logging.handlers": "",
    "multiprocessing.connection": "multiprocessing",
    "multiprocessing.managers": "multiprocessing",
    "multiprocessing.pool": "multiprocessing",
    "multiprocessing.shared_memory": "",
    "multiprocessing.sharedctypes": "multiprocessing",
    "os.path": "",
    "unittest.mock": "",
    "urllib.error": "",
    "urllib.parse": "",
    "urllib.request": "",
    "urllib.robotparser": "",
    "wsgiref.handlers": "wsgiref",
    "wsgiref.headers": "wsgiref",
    "wsgiref.simple_server": "wsgiref",
    "wsgiref.util": "wsgiref",
    "xml.dom": "",
    "xml.dom.minidom": "",
    "xml.dom.pulldom": "",
    "xml.etree.ElementTree": "",
    "xml.sax": "",
    "xml.sax.handler": "",
    "xml.sax.saxutils": "xml.sax.utils",
    "xml.sax.xmlreader": "xml.sax.reader",
    "xmlrpc.client": "",
    "xmlrpc.server": "",
}
# asyncio is documented by topic: defining module -> page.
_ASYNCIO = {
    "exceptions": "exceptions",
    "futures": "future",
    "locks": "sync",
    "mixins": "sync",
    "protocols": "protocol",
    "queues": "queue",
    "runners": "runner",
    "streams": "stream",
    "subprocess": "subprocess",
    "taskgroups": "task",
    "tasks": "task",
    "threads": "task",
    "timeouts": "task",
    "transports": "protocol",
    "coroutines": "task",
    "barriers": "sync",
}
# Built-in types that are documented in stdtypes; the others are in functions.
_TYPE_ENTRIES = {"bytearray", "bytes", "dict", "frozenset", "list", "memoryview", "range", "set", "str", "tuple"}


def address(module: str, path: str, value: object = None) -> str:
    """Return the URL of `path` in `module`: `Class.method`, or '' for the module itself.

    `value` is the class or function at `path`, or the class of the method.
    """
    if module == "builtins":
        return f"{LIBRARY}{_builtin_page(path, value)}.html#{path}"
    page = DOCUMENTED_INSIDE.get(module) or module
    home = getattr(value, "__module__", None) or ""
    if module == "asyncio" and path:
        page = f"asyncio-{_ASYNCIO.get(home.rpartition('.')[2], 'eventloop')}"
    if not path:
        return f"{LIBRARY}{page}.html" + (f"#module-{module}" if page != module else "")
    return f"{LIBRARY}{page}.html#{module}.{path}"


def _builtin_page(path: str, value: object) -> str:
    if inspect.isclass(value) and issubclass(value, BaseException):
        return "exceptions"
    return "stdtypes" if "." in path or path in _TYPE_ENTRIES else "functions"
