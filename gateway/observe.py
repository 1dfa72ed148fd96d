"""What the gateway says of itself: one JSON line per outcome, and nothing in it that is not on a list.

An event is `noun.past_participle`, a constant in the code; what varies stands in fields. A field that is not
in `FIELDS` is dropped and counted, so that a careless line can lose a fact but never show a person. Lines of
libraries are reduced to their templates, and errors to their types and places: their texts may repeat what
was read.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, TextIO

import orjson
import structlog

from gateway import metrics
from gateway.errors import IsnadError

# fmt: off
FIELDS = frozenset({
    # what happened, and where
    "event", "level", "time", "process", "port",
    # who, and under which rule
    "agency", "sender", "contract", "certificate",
    # which
    "submission", "record_id", "batch", "lane", "count", "queue", "name", "correlation",
    # what became of it
    "code", "rule", "reason", "accepted", "quarantined", "duplicate", "refused", "problems", "digest",
    # how much, and how long
    "records", "expected", "records_per_s", "left_s", "bytes", "duration_s", "retry_after_s", "waiting",
    # what went wrong, without its text
    "error", "traceback", "logger", "template", "dropped_fields",
})
# fmt: on
"""Every field a log line may have. What ends in `_s` is in seconds. None may hold a value of a payload."""

EVENT = re.compile(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*")
TEXT_MAX_CHARS = 500
FRAMES_MAX = 30
INT_BITS = 64

# A national ID standing alone, in European, Arabic or Persian digits. Rules and codes have no such numbers,
# so what looks like one has come in by mistake.
_NATIONAL_ID = re.compile(r"(?<![0-9A-Za-z])[23٢٣۲۳][0-9٠-٩۰-۹]{13}(?![0-9A-Za-z])")  # noqa: RUF001  digits meant
_LONG_NUMBER = re.compile(rb"[0-9]{14}")
_SCALARS = frozenset({str, int, float, bool, type(None)})
_MASK = "[masked]"
_NUMBER = re.compile(r"[0-9]{6,}")

Line = MutableMapping[str, Any]


def configure(process: str, *, stream: TextIO = sys.stdout, level: int = logging.INFO) -> None:
    """Send structlog and the standard library's logging to `stream`, one JSON object a line.

    `process` is `serve`, `deliver` or a command's name, and stands in every line.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            _named_process(process),
            _well_named,
            _without_error_text,
            _allowed,
            _rendered,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Bridge()]
    root.setLevel(max(level, logging.WARNING))
    # It reports one failed attempt many times over; the queue says once what became of it.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    # Who asked for what is said by our own events; without a handler its lines would be printed as they are.
    logging.getLogger("uvicorn.access").disabled = True

    sys.excepthook = lambda _type, error, _traceback: _crashed(error)
    threading.excepthook = lambda crash: _crashed(crash.exc_value)


def _crashed(error: BaseException | None) -> None:
    """Say what ended the process or a thread of it. Python itself would print the error's text."""
    structlog.get_logger().critical("process.crashed", exc_info=error or True)


class _Bridge(logging.Handler):
    """Turns a library's line into an event; its arguments, which hold values, stay out."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno,
            "library.reported",
            logger=record.name,
            template=_template(record),
            exc_info=record.exc_info,
        )


def _template(record: logging.LogRecord) -> str:
    """Return a line's constant part. Some libraries format first, so numbers and all but ASCII go too."""
    first_line = str(record.msg).partition("\n")[0]  # asyncio puts the values into the lines below
    ascii_only = first_line.encode("ascii", "replace").decode()
    return _NUMBER.sub("#", ascii_only)[:TEXT_MAX_CHARS]


def _named_process(process: str) -> structlog.typing.Processor:
    def named(_logger: Any, _method: str, line: Line) -> Line:
        line["process"] = process
        return line

    return named


def _well_named(_logger: Any, _method: str, line: Line) -> Line:
    """Keep event names what they are meant to be: a constant, never a sentence with values in it."""
    if not EVENT.fullmatch(str(line.get("event"))):
        line["event"] = "log.misnamed"
    return line


def _without_error_text(_logger: Any, _method: str, line: Line) -> Line:
    """Say an error's type, code and place."""
    error = line.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        line["error"] = type(error).__name__
        line["traceback"] = frames(error.__traceback__)
        if isinstance(error, IsnadError):
            line.setdefault("code", error.code)
            line.setdefault("rule", error.rule)
    return line


def frames(traceback: TracebackType | None) -> list[str]:
    """Return where an error happened, the outermost place first; its text may repeat what was read."""
    places = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        module = traceback.tb_frame.f_globals.get("__name__", "")
        places.append(f"{module}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return places[-FRAMES_MAX:]


def _allowed(_logger: Any, _method: str, line: Line) -> Line:
    unknown = [field for field in line if field not in FIELDS]
    for field in unknown:
        del line[field]
    if unknown:
        metrics.LOG_FIELDS_DROPPED.inc(len(unknown))
        line["dropped_fields"] = len(unknown)
    return line


def _safe(value: object) -> object:
    """Return a value as it may be shown: scalars, short texts, lists of them; of all else only its type."""
    match value:
        case None | bool() | float():
            return value
        case int() | str():
            text, masked = _NATIONAL_ID.subn(_MASK, str(value))
            if masked:
                metrics.LOG_VALUES_MASKED.inc(masked)
            if isinstance(value, int) and not masked and value.bit_length() < INT_BITS:
                return value
            # A lone surrogate, as a header may smuggle in, is no UTF-8 and would cost the whole line.
            return text[:TEXT_MAX_CHARS].encode("utf-8", "replace").decode()
        case list() | tuple():
            return [_safe(item) for item in value]
        case _:
            return type(value).__name__


def _rendered(_logger: Any, _method: str, line: Line) -> str:
    if _SCALARS.issuperset(map(type, line.values())):
        try:
            octets = orjson.dumps(line)
        except TypeError:  # a lone surrogate, or a number of more than 64 bits
            pass
        else:
            # Nearly every line is short and has nothing in it that could have to be masked.
            if len(octets) <= TEXT_MAX_CHARS and octets.isascii() and not _LONG_NUMBER.search(octets):
                return octets.decode()
    return orjson.dumps({field: _safe(value) for field, value in line.items()}).decode()
