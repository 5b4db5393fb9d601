"""Lists of key/value pairs of an export row as JSON text, in GoogleSQL.

A JSON object has a key once, and none without a name. An export may have a key twice, and NULL, '' or spaces for one.
So the object takes one value of a key, in a fixed order: one that is not NULL, one of the resource itself before one
that it inherits, then the least. `more` has all others. Equal lists in any order give equal text.
"""

from __future__ import annotations


def pairs_text(kind: str, path: str, key: str = "label.key", *, inherits: bool = False) -> str:
    """The pairs of the array `path` as a STRUCT of two texts, found in one pass.

    `object` is a JSON object, keys sorted, `{}` where there are none. `more` has the pairs that it leaves out as JSON
    objects `{"kind": kind, "key": …, "value": …}`, each after a comma; '' where it has them all. A pair that stands
    twice is not left out. `key` is over an element named `label`; `inherits` where elements tell that they are
    `inherited`.
    """
    rank = "MIN(IF(label.inherited, 1, 0))" if inherits else "0"
    is_first = "place = 1 AND name IS NOT NULL"
    stays = "CONCAT(TO_JSON_STRING(name), ':', TO_JSON_STRING(value))"
    left_out = (
        f'CONCAT(\',{{"kind":"{kind}","key":\', TO_JSON_STRING(name), \',"value":\', TO_JSON_STRING(value), \'}}\')'
    )
    return (
        "(SELECT AS STRUCT told.object AS object, told.more AS more FROM (SELECT"  # noqa: S608 (fixed text)
        " CONCAT('{', IFNULL(STRING_AGG(pair.stays, ',' ORDER BY pair.name), ''), '}') AS object,"
        " IFNULL(STRING_AGG(pair.left_out, '' ORDER BY pair.name, pair.value), '') AS more"
        f" FROM (SELECT name, value, IF({is_first}, {stays}, NULL) AS stays,"
        f" IF({is_first}, NULL, {left_out}) AS left_out"
        " FROM (SELECT name, value,"
        " ROW_NUMBER() OVER (PARTITION BY name ORDER BY value IS NULL, rank, value) AS place"
        f" FROM (SELECT IF(TRIM(label.key) != '', {key}, NULL) AS name, label.value AS value, {rank} AS rank"
        f" FROM UNNEST({path}) AS label GROUP BY name, value))) AS pair) AS told)"
    )
