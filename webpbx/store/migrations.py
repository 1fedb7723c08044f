"""The database's shape, step by step; a step that has been released never changes."""

import sqlite3

import sqlite_utils
from sqlite_utils.migrations import Migrations

from webpbx.store.errors import NewerDatabase

steps = Migrations("webpbx")


def migrate(database: sqlite_utils.Database) -> None:
    """Bring the database to this version's shape in one transaction; one that is there already is left alone.

    Raise NewerDatabase when it has taken a step that this version does not know.
    """
    raw: sqlite3.Connection = database.conn
    if not _pending(database):
        return
    raw.execute("BEGIN IMMEDIATE")  # another process may be at it: the second one waits, then finds nothing to do
    try:
        if _pending(database):
            steps.apply(database)
    except BaseException:
        if raw.in_transaction:
            raw.execute("ROLLBACK")
        raise
    raw.execute("COMMIT")


def _pending(database: sqlite_utils.Database) -> bool:
    known = {step.name for step in steps._migrations}  # noqa: SLF001 - the library offers no public list
    taken = {step.name for step in steps.applied(database)}
    if taken - known:
        raise NewerDatabase(
            "The database was written by a newer version of webpbx: run that version, or put an older backup in place.",
            steps=sorted(taken - known),
        )
    return bool(known - taken)


def _run(database: sqlite_utils.Database, *statements: str) -> None:
    for statement in statements:
        database.conn.execute(statement)


@steps()
def settings_of_companies(database: sqlite_utils.Database) -> None:
    """Make the tables of tenants, users, extensions, trunks, numbers and routes."""
    _run(
        database,
        """CREATE TABLE tenants (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, country TEXT NOT NULL, language TEXT NOT NULL,
            timezone TEXT NOT NULL, outside_prefix TEXT NOT NULL, outside_prefix_use TEXT NOT NULL,
            max_outside_calls INTEGER NOT NULL, max_outside_calls_per_user INTEGER NOT NULL,
            ring_time INTEGER NOT NULL, emergency_numbers TEXT NOT NULL)""",
        """CREATE TABLE users (
            id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL REFERENCES tenants (id), login TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL, password_hash TEXT NOT NULL, language TEXT, role TEXT NOT NULL)""",
        "CREATE INDEX users_of_tenant ON users (tenant_id)",
        """CREATE TABLE extensions (
            tenant_id TEXT NOT NULL REFERENCES tenants (id), number TEXT NOT NULL,
            user_id TEXT UNIQUE REFERENCES users (id) ON DELETE CASCADE, destination TEXT,
            PRIMARY KEY (tenant_id, number))""",
        """CREATE TABLE trunks (
            tenant_id TEXT NOT NULL REFERENCES tenants (id), id TEXT NOT NULL, name TEXT NOT NULL, mode TEXT NOT NULL,
            proxies TEXT NOT NULL, addresses TEXT NOT NULL, username TEXT NOT NULL, auth_username TEXT NOT NULL,
            secret TEXT NOT NULL, domain TEXT NOT NULL, realm TEXT NOT NULL, codecs TEXT NOT NULL, dtmf TEXT NOT NULL,
            number_format TEXT NOT NULL, country TEXT NOT NULL, caller_id_default TEXT NOT NULL,
            max_calls INTEGER NOT NULL, qualify_interval INTEGER NOT NULL, register_expires INTEGER NOT NULL,
            enabled INTEGER NOT NULL, PRIMARY KEY (tenant_id, id))""",
        """CREATE TABLE dids (
            number TEXT PRIMARY KEY, tenant_id TEXT NOT NULL REFERENCES tenants (id), trunk_id TEXT NOT NULL,
            destination TEXT NOT NULL, FOREIGN KEY (tenant_id, trunk_id) REFERENCES trunks (tenant_id, id))""",
        "CREATE INDEX dids_of_trunk ON dids (tenant_id, trunk_id)",
        """CREATE TABLE outbound_routes (
            tenant_id TEXT NOT NULL REFERENCES tenants (id), id TEXT NOT NULL, name TEXT NOT NULL,
            trunk_ids TEXT NOT NULL, countries TEXT NOT NULL, prefixes TEXT NOT NULL, special_types TEXT NOT NULL,
            priority INTEGER NOT NULL, PRIMARY KEY (tenant_id, id))""",
    )


@steps()
def calls(database: sqlite_utils.Database) -> None:
    """Make the tables of call records and live calls."""
    _run(
        database,
        """CREATE TABLE call_records (
            id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
            direction TEXT NOT NULL, started_ms BIGINT NOT NULL, answered_ms BIGINT, ended_ms BIGINT,
            caller_number TEXT, caller_name TEXT, dialled TEXT NOT NULL, did TEXT, trunk_id TEXT, route_id TEXT,
            destinations TEXT NOT NULL, answered_by TEXT, outcome TEXT, cause TEXT, sip_status INTEGER, ended_by TEXT,
            legs TEXT NOT NULL)""",
        "CREATE INDEX call_records_of_tenant ON call_records (tenant_id, started_ms)",
        """CREATE TABLE call_record_users (
            user_id TEXT NOT NULL, started_ms BIGINT NOT NULL,
            call_id TEXT NOT NULL REFERENCES call_records (id) ON DELETE CASCADE, PRIMARY KEY (user_id, call_id))""",
        "CREATE INDEX call_record_users_by_time ON call_record_users (user_id, started_ms)",
        "CREATE INDEX call_record_users_of_call ON call_record_users (call_id)",
        """CREATE TABLE live_calls (
            call_id TEXT PRIMARY KEY, node TEXT NOT NULL, tenant_id TEXT NOT NULL, epoch BIGINT NOT NULL,
            started_ms BIGINT NOT NULL, body TEXT NOT NULL)""",
        "CREATE TABLE epochs (node TEXT PRIMARY KEY, epoch BIGINT NOT NULL)",
    )


@steps()
def signing_in(database: sqlite_utils.Database) -> None:
    """Make the tables of sessions and one-time links; both keep hashes, never the tokens."""
    _run(
        database,
        """CREATE TABLE sessions (
            token_hash TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            kind TEXT NOT NULL, csrf TEXT NOT NULL, created_ms BIGINT NOT NULL, used_ms BIGINT NOT NULL)""",
        "CREATE INDEX sessions_of_user ON sessions (user_id)",
        """CREATE TABLE links (
            token_hash TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            expires_ms BIGINT NOT NULL)""",
    )


@steps()
def transports_of_trunks(database: sqlite_utils.Database) -> None:
    """Let a trunk say its transport, encryption, caller identity and ring limit; those there stay what they were."""
    _run(
        database,
        *(
            f"ALTER TABLE trunks ADD COLUMN {column}"
            for column in (
                "transport TEXT NOT NULL DEFAULT 'udp'",
                "tls_name TEXT NOT NULL DEFAULT ''",
                "tls_authorities TEXT NOT NULL DEFAULT ''",
                "srtp TEXT NOT NULL DEFAULT 'none'",
                "caller_id_way TEXT NOT NULL DEFAULT 'from'",
                "hide_caller_id INTEGER NOT NULL DEFAULT 0",
                "trust_caller_id INTEGER NOT NULL DEFAULT 0",
                "ring_limit INTEGER NOT NULL DEFAULT 180",
            )
        ),
    )


@steps()
def telephones(database: sqlite_utils.Database) -> None:
    """Make the tables of SIP telephones and of where they are registered."""
    _run(
        database,
        """CREATE TABLE devices (
            id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL REFERENCES tenants (id),
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE, name TEXT NOT NULL,
            username TEXT NOT NULL UNIQUE, ha1_md5 TEXT NOT NULL, ha1_sha256 TEXT NOT NULL, older INTEGER NOT NULL,
            codecs TEXT NOT NULL, srtp TEXT NOT NULL, enabled INTEGER NOT NULL)""",
        "CREATE INDEX devices_of_tenant ON devices (tenant_id)",
        "CREATE INDEX devices_of_user ON devices (user_id)",
        """CREATE TABLE device_bindings (
            username TEXT NOT NULL REFERENCES devices (username) ON DELETE CASCADE, contact TEXT NOT NULL,
            transport TEXT NOT NULL, host TEXT NOT NULL, port INTEGER NOT NULL, since_ms BIGINT NOT NULL,
            expires_ms BIGINT NOT NULL, call_id TEXT NOT NULL, cseq BIGINT NOT NULL, instance TEXT,
            PRIMARY KEY (username, contact))""",
    )


@steps()
def sip_traces(database: sqlite_utils.Database) -> None:
    """Make the table of what was said in SIP, call by call."""
    _run(
        database,
        """CREATE TABLE sip_traces (
            tenant_id TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE, call_id TEXT NOT NULL,
            begun_ms BIGINT NOT NULL, written_ms BIGINT NOT NULL, body BLOB NOT NULL,
            PRIMARY KEY (tenant_id, call_id, begun_ms))""",
        "CREATE INDEX sip_traces_by_time ON sip_traces (written_ms)",
    )
