"""The number of an incident in an address. What no database could hold is none, and leads nowhere."""

from typing import Final

from starlette.convertors import IntegerConvertor, register_url_convertor


class IncidentConvertor(IntegerConvertor):
    regex = "[0-9]{1,18}"


register_url_convertor("incident", IncidentConvertor())

INCIDENT: Final = "/incidents/{id:incident}"
