"""One parameter on its way to an argument: how it is read, and what is there where it is not sent.

Decided when the app is built. Whether the value is valid is asked for all parameters together.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from brrt.openapi import content
from brrt.openapi.decoders import ParameterDecoder, parameter_decoder
from brrt.openapi.encodings import UnreadableForm
from brrt.openapi.operations import Parameter
from brrt.openapi.readings import Readings, other_shapes
from brrt.openapi.schemas import Direction, Schemas
from brrt.openapi.shapes import MISSING, Shape
from brrt.openapi.validation import Violation, pointer
from brrt.openapi.wire import Unreadable


@dataclass(frozen=True, slots=True)
class Reading:
    """How one parameter is read: its key among the arguments, decoder and default.

    `others` are other readings of the same text, where the schema leaves a choice.
    """

    key: str
    decode: ParameterDecoder
    default: Any
    mutable: bool
    parameter: Parameter
    shape: Shape
    others: Readings | None

    def put(self, arguments: dict[str, Any], raw: Any, found: list[Violation]) -> None:
        """Decode what was sent, or take the default; what cannot be read goes to `found`."""
        try:
            value = self.decode(raw)
        except UnreadableForm as error:
            for member, text in error.members.items():
                found.append(self._unread(f".{member}: {text}", pointer([member])))
            return
        except (Unreadable, content.Unreadable) as error:
            found.append(self._unread(f": {error}"))
            return
        if value is MISSING:
            self.put_default(arguments)
        else:
            arguments[self.key] = value

    def _unread(self, text: str, place: str = "") -> Violation:
        one = self.parameter
        return Violation(one.location, one.name, place, f"{one.name}{text}", "encoding")

    def put_default(self, arguments: dict[str, Any]) -> None:
        """What is there where nothing was sent."""
        default = self.default
        if default is not MISSING:
            arguments[self.key] = deepcopy(default) if self.mutable else default


def read_parameter(one: Parameter, key: str, others: frozenset[str], schemas: Schemas) -> Reading:
    """How a parameter is read; `others` are the names that an exploded object leaves alone."""
    shape, default = schemas.shape(one.value_schema), one.default
    return Reading(
        key=key,
        decode=parameter_decoder(one, shape, others),
        default=default,
        mutable=isinstance(default, (dict, list)),
        parameter=one,
        shape=shape,
        others=_other_readings(one, shape, others, schemas),
    )


def _other_readings(
    one: Parameter, shape: Shape, others: frozenset[str], schemas: Schemas
) -> Readings | None:
    if one.schema is None:
        return None
    decoders = [parameter_decoder(one, other, others) for other in other_shapes(shape)]
    return (
        Readings(schemas.validator(one.schema, Direction.REQUEST), decoders) if decoders else None
    )
