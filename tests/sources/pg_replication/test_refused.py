"""What cannot go on without losing changes is refused, with the way out."""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest

import dlt
from dlt.errors import ConfigError, FatalError, RetryableError, StepFailed
from dlt.sources.pg_replication import cleanup, init_replication, replication_source, stream
from dlt.sources.pg_replication.server import session
from pg_replication.mirrors import check_same, connected, pipeline, source

A = "CREATE TABLE a (id int PRIMARY KEY, v text, w text)"
SOME = "INSERT INTO a SELECT n, 'v' || n, 'w' || n FROM generate_series(1, 5) n"


@pytest.fixture
def db(postgres):
    with connected(postgres) as connection:
        connection.execute(A)
        connection.execute(SOME)
        yield connection


def loaded(info) -> int:
    return len(info.loads_ids)


def lose_slot(db):
    db.execute("SELECT pg_drop_replication_slot('slot')")


def slot_anew(db):
    lose_slot(db)
    db.execute("SELECT pg_create_logical_replication_slot('slot', 'pgoutput')")


def slot_of_another_plugin(db):
    lose_slot(db)
    db.execute("SELECT pg_create_logical_replication_slot('slot', 'test_decoding')")


def moved_by_others(db):
    db.execute("INSERT INTO a VALUES (9)")
    db.execute("SELECT pg_replication_slot_advance('slot', pg_current_wal_flush_lsn())")


def older_server(db):
    """A server that was set back knows less of the log than what was loaded."""
    dlt.current.pipeline().state["sources"]["pg_replication"]["resources"]["slot_pub"]["lsn"] = 2**50
    dlt.current.pipeline().save()


def no_publication(db):
    db.execute("DROP PUBLICATION pub")


MISSING = [
    (lose_slot, "'slot' is lost: it is not there any more"),
    (slot_anew, "'slot' is lost: it stands at"),
    (moved_by_others, "'slot' is lost: it stands at"),
    (slot_of_another_plugin, "not one of this database with the plugin pgoutput"),
    (older_server, "'slot' is lost: the log ends at"),
    (no_publication, "There is no publication 'pub'"),
]


def test_what_is_missing_is_told(db, postgres):
    follower = pipeline()
    follower.run(source(postgres, ["a"]))
    for happens, says in MISSING:
        happens(db)
        with pytest.raises(StepFailed, match=says) as failed:
            follower.run(replication_source("slot", "pub", credentials=postgres, table_names=[]))
        assert failed.value.hint

        cleanup("slot", "pub", postgres)  # what the hint says
        db.execute("DELETE FROM a WHERE id = (SELECT max(id) FROM a)")
        follower.run(source(postgres, ["a"]), refresh="drop_resources")
        check_same(postgres, "a")


def test_a_slot_that_was_invalidated(db, postgres):
    follower = pipeline()
    follower.run(source(postgres, ["a"]))
    with session(postgres) as server:
        found = dict(server.slot("slot"))
    run = stream._Run(
        stream.Asked("", "slot", "pub", {}, {}, 0, flush=True, snapshot=False), None, {"lsn": 2**40}, True
    )

    for broken in ({"wal_status": "lost"}, {"invalidation_reason": "idle_timeout"}, {"conflicting": True}):
        with pytest.raises(FatalError, match="is lost"):
            run.begin({**found, **broken})


def test_a_slot_in_use(db, postgres, monkeypatch):
    follower = pipeline()
    follower.run(source(postgres, ["a"]))
    db.execute("DELETE FROM a WHERE id = 1")
    with closing(psycopg.connect(postgres, autocommit=True, replication="database")) as other:
        command = b"START_REPLICATION SLOT slot LOGICAL 0/0 (proto_version '1', publication_names 'pub')"
        assert other.pgconn.exec_(command).status == psycopg.pq.ExecStatus.COPY_BOTH
        with monkeypatch.context() as patch:
            patch.setattr("dlt.sources.pg_replication.server.PATIENCE", 0.2)
            with pytest.raises(StepFailed, match="is in use") as failed:
                follower.run(source(postgres, ["a"]))
        assert isinstance(failed.value.exception, RetryableError)
    follower.run(source(postgres, ["a"]))
    check_same(postgres, "a")


@pytest.mark.parametrize(
    "wrong", [{"max_changes": 0}, {"max_changes": -1}, {"target_batch_size": 0}, {"target_batch_size": -5}]
)
def test_limits_below_one_are_refused(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(StepFailed, match=f"{name} is {value}: .*\n *key: {name}\n") as failed:
        pipeline().run(source("postgresql://nobody@localhost/nothing", ["a"], **wrong))
    assert failed.value.hint == "at least 1"


UNKNOWN = [
    ({"include_columns": {"aa": ["v"]}}, "no table 'aa', which include_columns names", "did you mean 'a'?"),
    ({"columns": {"zz": {"v": {}}}}, "no table 'zz', which columns names", "it has a"),
    ({"include_columns": {"a": ["v", "ww"]}}, "no column 'ww' .*, which include_columns names", "did you mean 'w'?"),
    (
        {"columns": {"a": {"nope": {"data_type": "text"}}}},
        "no column 'nope' .*, which columns names",
        "it has id, v, w",
    ),
    ({"columns": {"a": {"idd": {"primary_key": True}}}}, "no column 'idd'", "did you mean 'id'?"),
    ({"include_columns": {"a": ["twice"]}}, "The generated column 'twice'", "publish_generated_columns"),
]


def test_names_that_are_not_there(db, postgres):
    db.execute("ALTER TABLE a ADD twice int GENERATED ALWAYS AS (id * 2) STORED; CREATE PUBLICATION pub FOR TABLE a")
    follower = pipeline()
    for wrong, says, hint in UNKNOWN:
        with pytest.raises(StepFailed, match=says) as failed:
            follower.run(source(postgres, [], **wrong))
        assert hint in failed.value.hint

    wanted = {"include_columns": {"a": ["v", "w"]}, "columns": {"a": {"w": {"description": "x"}}}}
    follower.run(source(postgres, [], **wanted))
    db.execute("UPDATE a SET v = 'n' WHERE id = 1; ALTER TABLE a DROP w; UPDATE a SET v = 'n' WHERE id = 2")
    for _ in range(2):  # what was loaded once is known, though it is gone from the source
        follower.run(source(postgres, [], **wanted))
    db.execute("DROP TABLE a")
    follower.run(source(postgres, [], **wanted))


def test_add_limit_is_refused(db, postgres):
    with pytest.raises(StepFailed, match="max_changes"):
        pipeline().run(source(postgres, ["a"]).add_limit(1))


def test_credentials_of_another_database():
    with pytest.raises(ConfigError, match="PostgreSQL"):
        init_replication("slot", "pub", "public", "a", "mysql://me@localhost/x")


def test_a_server_that_cannot_make_slots_says_what_it_needs(db, postgres):
    with pytest.raises(FatalError, match="cannot be made") as failed:
        init_replication("No Slot!", "pub", "public", "a", postgres)
    assert "wal_level=logical" in failed.value.hint
