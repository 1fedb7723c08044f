"""Calls, legs and SIP messages as JSON values."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from webpbx.model.call_record import CallRecord
from webpbx.sip.trace import TracedMessage
from webpbx.sip.trace_view import far_end, read


def names_of(record: CallRecord, users: Mapping[str, str]) -> dict[str, str]:
    """Give each leg's party by the leg's id: a user's name, else the number; `users` are names by id."""
    names = {leg.id: users.get(leg.user_id or "", leg.party) for leg in record.legs}
    if record.legs and record.caller_name and not record.legs[0].user_id:
        names[record.legs[0].id] = record.caller_name
    return names


def row_json(record: CallRecord, names: Mapping[str, str]) -> dict[str, Any]:
    """Give a call as a line of a list; `names` are those of extensions."""
    return {
        "id": record.id,
        "direction": record.direction,
        "started_ms": record.started_ms,
        "answered_ms": record.answered_ms,
        "ended_ms": record.ended_ms,
        "talk_ms": record.talk_ms,
        "caller_number": record.caller_number,
        "caller_name": record.caller_name or names.get(record.caller_number or ""),
        "dialled": record.dialled,
        "dialled_name": names.get(record.answered_by or record.dialled),
        "answered_by": record.answered_by,
        "outcome": record.outcome,
        "cause": str(record.cause) if record.cause is not None else None,
        "sip_status": record.sip_status,
        "trunk_id": record.trunk_id,
        "quality": min((leg.mos for leg in record.legs if leg.mos is not None), default=None),
    }


def details_json(record: CallRecord, *, extensions: Mapping[str, str], users: Mapping[str, str]) -> dict[str, Any]:
    """Give all that is known of a call and its legs; names by extension and by user id."""
    names = names_of(record, users)
    legs = [
        asdict(leg) | {"cause": str(leg.cause) if leg.cause is not None else None, "name": names[leg.id]}
        for leg in record.legs
    ]
    return row_json(record, extensions) | {
        "did": record.did,
        "route_id": record.route_id,
        "destinations": list(record.destinations),
        "ended_by": record.ended_by,
        "fault": record.cause.fault if record.cause is not None else None,
        "q850": record.cause.q850 if record.cause is not None else None,
        "legs": legs,
    }


def message_json(message: TracedMessage, legs: Mapping[str, str]) -> dict[str, Any]:
    """Give a SIP message, without its secrets; `legs` are those of Call-IDs."""
    reading = read(message)
    return {
        "at_ms": message.at_ms,
        "sent": message.sent,
        "transport": message.transport,
        "far_end": far_end(message),
        "sip_call_id": message.call_id,
        "leg_id": legs.get(message.call_id),
        "label": reading.label,
        "method": reading.method,
        "status": reading.status,
        "cseq": reading.cseq,
        "sdp": reading.sdp,
        "why": reading.why,
        "repeats": message.repeats,
        "bytes": len(message.data),
        "text": reading.text,
    }
