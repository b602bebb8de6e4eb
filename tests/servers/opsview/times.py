"""Times as the API takes them [doc 6.x Downtime; core: Common.pm]."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from tests.servers.opsview.rules import Refused
from tests.servers.opsview.setup import seconds


def instant(text, now, zone):
    """Epoch, `YYYY-MM-DD HH:MM:SS` (or with slashes) in the server's zone, or `now` (all of the free English here)."""
    text = str(text).strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if text == "now":
        return now
    for form in ("%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=ZoneInfo(zone)).timestamp()
        except ValueError:
            continue
    raise Refused(400, "Error validating downtime parameters", detail="Unable to parse date")


def words(epoch, zone):
    return datetime.fromtimestamp(epoch, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")


def downtime_span(params, now, zone):
    """(start, end) or the 2013 code's texts [core: Common.pm]."""
    start_text, end_text, lasting = params.first("starttime"), params.first("endtime"), params.first("duration")
    if not start_text:
        _refuse("Start time is not defined")
    start = instant(start_text, now, zone)
    if start < now - 3600:
        _refuse("Start time is too far behind in time")
    if end_text and not end_text.startswith("+"):
        end = instant(end_text, now, zone)
    elif end_text or lasting:
        end = start + _lasting((end_text or lasting).lstrip("+"))
    else:
        _refuse("End time is not defined")
    if end == start:
        _refuse("End time is the same as the start time")
    if end < start:
        _refuse("End time is before start time")
    if end - start < 60:
        _refuse("Cannot specify downtime of less than 1 minute")
    return start, end


def _lasting(text):
    try:
        return seconds(text)
    except ValueError as error:
        _refuse(str(error))


def _refuse(words_):
    raise Refused(400, words_)
