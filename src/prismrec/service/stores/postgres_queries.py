"""The tables of the PostgreSQL store, and its queries."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE prismrec_events (arrival bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        ' user_id text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, time bigint NOT NULL,'
        " item text NOT NULL, UNIQUE (user_id, id))",
        "CREATE INDEX ON prismrec_events (user_id, time, arrival)",
    ),
    (
        "ALTER TABLE prismrec_events ADD COLUMN kind text, ADD COLUMN value double precision",
        "CREATE TABLE prismrec_dislikes (arrival bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        ' user_id text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, time bigint NOT NULL,'
        " item text NOT NULL, kind text, value double precision, UNIQUE (user_id, id))",
        "CREATE INDEX ON prismrec_dislikes (user_id, time, arrival)",
    ),
)
"""Statements that migrate the tables from version i to i + 1, as ``prismrec_schema`` has it. No
step reads or writes the events."""
NUMBER = 7_747_665
"""Number of this package's advisory locks."""
DURABLE = """
    SELECT set_config('synchronous_commit', 'on', true)
    WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')
"""
# Writers of the same user wait for each other, so that arrivals are in the order of commits. All
# take the locks in the same order, so there is no deadlock. There are few locks, because the
# server's table of locks is small.
LOCK = f"""
    SELECT pg_advisory_xact_lock({NUMBER}, place) FROM (
        SELECT DISTINCT hashtext(user_id) & 255 AS place FROM unnest(%s::text[]) AS user_id
        ORDER BY place
    ) AS places
"""  # noqa: S608
TABLES = ("prismrec_events", "prismrec_dislikes")
INSERT = """
    INSERT INTO {} (user_id, item, time, id, kind, value)
    SELECT user_id, item, time, id, kind, value
    FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::float8[])
    WITH ORDINALITY AS sent(user_id, item, time, id, kind, value, place)
    WHERE NOT EXISTS (
        SELECT FROM {} AS other WHERE other.user_id = sent.user_id AND other.id = sent.id
    )
    ORDER BY place ON CONFLICT DO NOTHING
"""
MERGE = """
    INSERT INTO {0} (user_id, item, time, id, kind, value)
    SELECT %(user)s, item, time, id, kind, value FROM {0} AS moved
    WHERE user_id = %(anonymous)s AND NOT EXISTS (
        SELECT FROM {1} AS other WHERE other.user_id = %(user)s AND other.id = moved.id
    )
    ORDER BY time, arrival ON CONFLICT DO NOTHING
"""
TRIM = """
    DELETE FROM {0} WHERE arrival IN (
        SELECT old.arrival FROM unnest(%s::text[]) AS asked(user_id), LATERAL (
            SELECT arrival FROM {0} AS e WHERE e.user_id = asked.user_id
            ORDER BY time DESC, arrival DESC OFFSET %s
        ) AS old
    )
"""
RECENT = """
    SELECT place - 1, newest.* FROM unnest(%(users)s::text[])
    WITH ORDINALITY AS asked(user_id, place), LATERAL (
        (
            SELECT time, arrival, user_id, item, id, kind, value, false FROM prismrec_events AS e
            WHERE e.user_id = asked.user_id ORDER BY time DESC, arrival DESC LIMIT %(limit)s
        )
        UNION ALL
        (
            SELECT time, arrival, user_id, item, id, kind, value, true FROM prismrec_dislikes AS d
            WHERE d.user_id = asked.user_id ORDER BY time DESC, arrival DESC LIMIT %(limit)s
        )
    ) AS newest
"""
# Parts of the rows: 0, the newest events; 1, the dislikes; 2, the events that may end a dislike.
# The last part is empty for a user without dislikes: nothing is later than null.
FEEDBACK = """
    SELECT place - 1, newest.* FROM unnest(%(users)s::text[])
    WITH ORDINALITY AS asked(user_id, place), LATERAL (
        (
            SELECT 0, item, time, arrival FROM prismrec_events AS e
            WHERE e.user_id = asked.user_id ORDER BY time DESC, arrival DESC LIMIT %(limit)s
        )
        UNION ALL
        SELECT 1, item, time, arrival FROM prismrec_dislikes AS d WHERE d.user_id = asked.user_id
        UNION ALL
        SELECT 2, item, max(time), 0 FROM prismrec_events AS e WHERE e.user_id = asked.user_id
        AND time > (SELECT min(time) FROM prismrec_dislikes AS d WHERE d.user_id = asked.user_id)
        AND item IN (SELECT item FROM prismrec_dislikes AS d WHERE d.user_id = asked.user_id)
        GROUP BY item
    ) AS newest(part, item, time, arrival)
    ORDER BY place, part, time, arrival
"""
ERASE = "DELETE FROM {} WHERE user_id = %s"
FORGET = "DELETE FROM {} WHERE user_id = %s AND id = ANY(%s::text[])"
