"""The tables of the SQLite store, and its queries."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE events (arrival INTEGER PRIMARY KEY, user TEXT NOT NULL, id TEXT NOT NULL,"
        " time INTEGER NOT NULL, item TEXT NOT NULL, UNIQUE (user, id))",
        # SQLite appends the row number, the arrival, to every index by itself.
        "CREATE INDEX events_in_order ON events (user, time)",
    ),
    (
        # A value is text: SQLite's JSON, which returns the rows, would round a number.
        "ALTER TABLE events ADD COLUMN kind TEXT",
        "ALTER TABLE events ADD COLUMN value TEXT",
        "CREATE TABLE dislikes (arrival INTEGER PRIMARY KEY, user TEXT NOT NULL, id TEXT NOT NULL,"
        " time INTEGER NOT NULL, item TEXT NOT NULL, kind TEXT, value TEXT, UNIQUE (user, id))",
        "CREATE INDEX dislikes_in_order ON dislikes (user, time)",
    ),
)
"""Statements that migrate a file from version i to i + 1, its ``PRAGMA user_version``. No step
reads or writes the events."""
TABLES = ("events", "dislikes")
INSERT = """
    INSERT INTO {} (user, item, time, id, kind, value) SELECT ?1, ?2, ?3, ?4, ?5, ?6
    WHERE NOT EXISTS (SELECT 1 FROM {} WHERE user = ?1 AND id = ?4) ON CONFLICT DO NOTHING
"""
INSERT_LIKED, INSERT_DISLIKED = (INSERT.format(*names) for names in (TABLES, TABLES[::-1]))
MERGE = """
    INSERT INTO {0} (user, item, time, id, kind, value) SELECT ?2, item, time, id, kind, value
    FROM {0} AS moved WHERE user = ?1
    AND NOT EXISTS (SELECT 1 FROM {1} AS other WHERE other.user = ?2 AND other.id = moved.id)
    ORDER BY time, arrival ON CONFLICT DO NOTHING
"""
TRIM = """
    DELETE FROM {0} WHERE arrival IN (
        SELECT arrival FROM {0} WHERE user = ?
        ORDER BY time DESC, arrival DESC LIMIT -1 OFFSET ?
    )
"""
TRIM_LIKED, TRIM_DISLIKED = (TRIM.format(table) for table in TABLES)
ERASE = "DELETE FROM {} WHERE user = ?"
FORGET = "DELETE FROM {} WHERE user = ? AND id = ?"
RECENT = """
    SELECT json_group_array(json_array(wanted.key, json((
        SELECT json_group_array(json_array(time, arrival, item, id, kind, value)) FROM (
            SELECT time, arrival, item, id, kind, value FROM events WHERE user = wanted.value
            ORDER BY time DESC, arrival DESC LIMIT ?2
        )
    )), json((
        SELECT json_group_array(json_array(time, arrival, item, id, kind, value)) FROM (
            SELECT time, arrival, item, id, kind, value FROM dislikes WHERE user = wanted.value
            ORDER BY time DESC, arrival DESC LIMIT ?2
        )
    )))) FROM json_each(?1) AS wanted
"""
"""One row for all users. Python's lock is released and awaited for every row, and while lists are
computed each wait can take half a millisecond."""
FEEDBACK = """
    SELECT json_group_array(json_array(wanted.key, json((
        SELECT json_group_array(item) FROM (
            SELECT item FROM events WHERE user = wanted.value
            ORDER BY time DESC, arrival DESC LIMIT ?2
        )
    )), CASE WHEN EXISTS (SELECT 1 FROM dislikes WHERE user = wanted.value) THEN json_array(json((
        SELECT json_group_array(json_array(item, time)) FROM dislikes WHERE user = wanted.value
    )), json((
        SELECT json_group_array(json_array(item, time)) FROM (
            SELECT item, max(time) AS time FROM events WHERE user = wanted.value
            AND time > (SELECT min(time) FROM dislikes WHERE user = wanted.value)
            AND item IN (SELECT item FROM dislikes WHERE user = wanted.value) GROUP BY item
        )
    ))) END)) FROM json_each(?1) AS wanted
"""
"""A third of the cost of ``RECENT``. The limit keeps SQLite from merging the inner query with the
aggregate, which so gets the rows in their order. A user without dislikes costs one look
into an index more than without this part."""
