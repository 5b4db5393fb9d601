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
    own = ", MIN(IF(label.inherited, NULL, label.value)) AS own" if inherits else ""
    kept = "COALESCE(MIN(own), MIN(value))" if inherits else "MIN(value)"
    stays = "IF(name IS NULL, NULL, CONCAT(TO_JSON_STRING(name), ':', TO_JSON_STRING(kept)))"
    # No text inside of a JSON string is like a pair, whose quotes are bare: of the pairs just the one that stays goes.
    left_out = f"IF(name IS NULL, pairs, REPLACE(pairs, {_pair(kind, 'kept')}, ''))"
    return (
        "(SELECT AS STRUCT told.object AS object, told.more AS more FROM (SELECT"  # noqa: S608 (fixed text)
        f" CONCAT('{{', IFNULL(STRING_AGG({stays}, ',' ORDER BY name), ''), '}}') AS object,"
        f" IFNULL(STRING_AGG({left_out}, '' ORDER BY name), '') AS more"
        f" FROM (SELECT name, {kept} AS kept, STRING_AGG({_pair(kind, 'value')}, '' ORDER BY value) AS pairs"
        f" FROM (SELECT IF(TRIM(label.key) != '', {key}, NULL) AS name, label.value AS value{own}"
        f" FROM UNNEST({path}) AS label GROUP BY name, value) GROUP BY name)) AS told)"
    )


def _pair(kind: str, value: str) -> str:
    return (
        f'CONCAT(\',{{"kind":"{kind}","key":\', TO_JSON_STRING(name), \',"value":\', TO_JSON_STRING({value}), \'}}\')'
    )
