"""Lists of key/value pairs of an export row as JSON text, in GoogleSQL.

A JSON object has a key once, and none without a name. An export may have a key twice, and NULL, '' or spaces for one.
So the object takes one value of a key, in a fixed order: one that is not NULL, one of the resource itself before one
that it inherits, then the least. `more_pairs` has all others. Equal lists in any order give equal text.
"""

from __future__ import annotations


def object_text(path: str, key: str = "label.key", *, inherits: bool = False) -> str:
    """The pairs of the array `path` as a JSON object, keys sorted; `{}` where there are none.

    `key` is over an element named `label`; `inherits` where elements tell that they are `inherited`.
    """
    value = "MIN(label.value)"
    if inherits:
        value = f"IFNULL(MIN(IF(label.inherited, NULL, label.value)), {value})"
    pair = "CONCAT(TO_JSON_STRING(pair.name), ':', TO_JSON_STRING(pair.value))"
    return (
        f"(SELECT CONCAT('{{', IFNULL(STRING_AGG({pair}, ',' ORDER BY pair.name), ''), '}}')"  # noqa: S608 (fixed text)
        f" FROM (SELECT {key} AS name, {value} AS value FROM UNNEST({path}) AS label"
        " WHERE TRIM(label.key) != '' GROUP BY name) AS pair)"
    )


def more_pairs(kind: str, path: str, key: str = "label.key", *, inherits: bool = False) -> str:
    """The pairs that `object_text` leaves out, as JSON objects, each after a comma; '' where it has them all.

    Each is `{"kind": kind, "key": …, "value": …}`. A pair that stands twice is not left out.
    """
    rank = "MIN(IF(label.inherited, 1, 0))" if inherits else "0"
    told = (
        f'\',{{"kind":"{kind}","key":\', TO_JSON_STRING(pair.name), \',"value":\', TO_JSON_STRING(pair.value), \'}}\''
    )
    return (
        f"(SELECT IFNULL(STRING_AGG(CONCAT({told}), '' ORDER BY pair.name, pair.value), '')"  # noqa: S608 (fixed text)
        " FROM (SELECT name, value,"
        " ROW_NUMBER() OVER (PARTITION BY name ORDER BY value IS NULL, rank, value) AS place"
        f" FROM (SELECT IF(TRIM(label.key) != '', {key}, NULL) AS name, label.value AS value, {rank} AS rank"
        f" FROM UNNEST({path}) AS label GROUP BY name, value)) AS pair"
        " WHERE pair.name IS NULL OR pair.place > 1)"
    )
