"""Names in JSON texts: unknown ones, and those given twice, which parsers do not report."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from model.prediction.names import KnownNames
from service.codecs.charge import Charge, uncharged
from service.codecs.json.limits import count_byte, parsed_bytes

INSTANCES: Final = "instances"  # the name of the rows of a body; no feature has it
PARAMETERS: Final = ("parameters", "params")  # beside the rows, of Vertex AI and of MLflow
SIGNATURE_NAME: Final = "signature_name"  # beside the rows, of TensorFlow Serving
COMPANIONS: Final = (*PARAMETERS, SIGNATURE_NAME)
TWICE: Final = "is given twice"
UNKNOWN: Final = "is not a feature of this model"

Path = tuple[str | int, ...]


def wrong_names(
    text: bytes, pairs: int, known: KnownNames | None = None, charge: Charge = uncharged
) -> Iterable[tuple[Path, str]]:
    """Find names that one object of a JSON text has twice, and unknown names of rows.

    Parsers keep the last value of a name that is given twice. A pair of name and value has one
    colon outside of strings. So a text with only as many colons as the caller read pairs has no
    further pair, and is not parsed again. Colons within strings only cost that second parse.

    Args:
        text: Valid JSON.
        pairs: Number of pairs that the caller has read from the text.
        known: Names of features. Only rows are searched for others: the text's only object, or
            the objects of its array, or of the array `instances`, beside which `COMPANIONS` may be.
            Without `known`, all objects are searched, only for names that are given twice.
        charge: Called with the memory of the second parse.

    Returns:
        Path of each wrong name, from names and indices, and the rule that it breaks. An empty
        tuple if the text was not parsed again.
    """
    if count_byte(text, b":") <= pairs:
        return ()
    charge(2 * parsed_bytes(text))
    document = json.loads(text, object_pairs_hook=_Pairs, parse_int=float)
    return _wrong_names_in(document, (), known)


def count_pairs(document: object) -> int:
    """Count the pairs in the objects of a parsed text, except within arrays of arrays.

    The count may be too low, which costs `wrong_names` a second parse of the text.
    """
    if isinstance(document, dict):
        return len(document) + sum(map(count_pairs, document.values()))
    if isinstance(document, list) and document and isinstance(document[0], dict):
        return sum(map(count_pairs, document))
    return 0


class _Pairs(list[tuple[str, Any]]):
    """All pairs of a JSON object."""


def _wrong_names_in(
    value: object, path: Path, known: KnownNames | None
) -> Iterator[tuple[Path, str]]:
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        has_rows = not path and any(name == INSTANCES for name, _ in value)
        for given, inner in value:
            name = given if known is None else known.find(given)
            if name in seen:
                yield (*path, name), TWICE
            elif known is None or (name == INSTANCES and not path):
                yield from _wrong_names_in(inner, (*path, name), known)
            elif has_rows and (name in COMPANIONS or inner is None):
                yield from _wrong_names_in(inner, (*path, name), None)
            elif name not in known:
                yield (*path, name), UNKNOWN
            seen.add(name)
    elif isinstance(value, list) and (known is None or path in ((), (INSTANCES,))):
        for index, inner in enumerate(value):
            yield from _wrong_names_in(inner, (*path, index), known)
