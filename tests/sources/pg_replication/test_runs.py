"""Runs of the source: tables without a key, publications, each change once, what is kept in the slot, the two ways to begin."""

from __future__ import annotations

import logging
from contextlib import contextmanager

import pytest

import dlt
from dlt.destinations import memory
from dlt.errors import StepFailed
from dlt.sources.pg_replication import cleanup, init_replication, replication_resource, replication_source, stream
from dlt.sources.pg_replication.server import GENERATED, Server
from pg_replication.mirrors import at_destination, at_source, check_same, confirmed, connected, pipeline, source

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


# ---- tables without a key


def test_a_table_without_a_key_takes_inserts(postgres):
    with connected(postgres) as connection:
        connection.execute("CREATE TABLE a (line text)")
        connection.execute("INSERT INTO a VALUES ('x'), ('x')")
        follower = pipeline()
        for _ in range(2):
            follower.run(source(postgres, ["a"]))
            connection.execute("INSERT INTO a VALUES ('y'), ('x')")
        follower.run(source(postgres, ["a"]))
        check_same(postgres, "a")
        connection.execute("TRUNCATE a")
        connection.execute("INSERT INTO a VALUES ('z')")
        follower.run(source(postgres, ["a"]))
        check_same(postgres, "a")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE a SET line = 'y' WHERE line = 'x'",
        pytest.param("DELETE FROM a WHERE line = 'x'", marks=pytest.mark.slow),
    ],
)
def test_a_table_without_a_key_refuses_changes(postgres, change):
    with connected(postgres) as connection:
        connection.execute("CREATE TABLE a (line text)")
        connection.execute("ALTER TABLE a REPLICA IDENTITY FULL")
        connection.execute("INSERT INTO a VALUES ('x'), ('z')")
        follower = pipeline()
        follower.run(source(postgres, ["a"]))
        connection.execute(change)
        with pytest.raises(StepFailed, match="no primary key") as failed:
            follower.run(source(postgres, ["a"]))
        assert "columns={'a': {'<column>': {'primary_key': True}}}" in str(failed.value)

        follower.run(source(postgres, ["a"], columns={"a": {"line": {"primary_key": True}}}))
        check_same(postgres, "a")


def test_the_log_must_say_the_key(db, postgres):
    """A key that the user declares, of which the log knows nothing."""
    wanted = {"columns": {"a": {"v": {"primary_key": True}}}}
    follower = pipeline()
    follower.run(source(postgres, ["a"], **wanted))
    db.execute("DELETE FROM a WHERE id = 1")

    with pytest.raises(StepFailed, match="REPLICA IDENTITY FULL"):
        follower.run(source(postgres, ["a"], **wanted))


# ---- publications


@pytest.mark.parametrize(
    ("made", "query"),
    [
        ("FOR TABLE a (id, w) WHERE (id > 2)", "SELECT id, w FROM a WHERE id > 2"),
        pytest.param("FOR ALL TABLES", "SELECT id, v, w FROM a", marks=pytest.mark.slow),
        pytest.param("FOR TABLES IN SCHEMA public", "SELECT id, v, w FROM a", marks=pytest.mark.slow),
    ],
)
def test_publications_of_others(db, postgres, made, query):
    db.execute(f"CREATE PUBLICATION pub {made}")
    init_replication("slot", "pub", "public", [], postgres)
    follower = pipeline()
    for _ in range(2):
        follower.run(replication_resource("slot", "pub", postgres, snapshot=True))
        db.execute("INSERT INTO a SELECT max(id) + 1, 'n', 'n' FROM a")
        db.execute("UPDATE a SET w = 'u' WHERE id IN (1, 4)")
    follower.run(replication_resource("slot", "pub", postgres))

    cursor = db.execute(query)
    names = [one.name for one in cursor.description]
    assert at_destination("a") == sorted((dict(zip(names, row, strict=True)) for row in cursor), key=repr)


def test_only_inserts_are_appended(db, postgres):
    follower = pipeline()
    follower.run(source(postgres, ["a"], publish="insert"))
    db.execute("INSERT INTO a VALUES (6)")
    db.execute("DELETE FROM a WHERE id = 1")
    follower.run(source(postgres, ["a"], publish="insert"))

    assert [row["id"] for row in at_destination("a")] == [1, 2, 3, 4, 5, 6]
    assert follower.default_schema.get_table("a")["write_disposition"] == "append"


def test_a_table_that_comes_later(db, postgres):
    follower = pipeline()
    follower.run(source(postgres, ["a"]))
    db.execute("CREATE TABLE b (id int PRIMARY KEY)")
    db.execute("INSERT INTO b VALUES (1), (2)")
    db.execute("DELETE FROM a WHERE id = 1")
    before = at_destination("a", ["id", "lsn"])
    follower.run(source(postgres, ["a", "b"]))
    check_same(postgres, "a", "b")
    assert at_destination("a", ["id", "lsn"]) == before[1:]  # the other table is not loaded anew
    db.execute("DELETE FROM b WHERE id = 1")
    follower.run(source(postgres, ["a", "b"]))
    check_same(postgres, "a", "b")


def test_a_whole_schema(db, postgres):
    follower = pipeline()
    follower.run(replication_source("slot", "pub", table_names=None, credentials=postgres))
    db.execute("CREATE TABLE b (id int PRIMARY KEY)")
    db.execute("INSERT INTO b VALUES (1), (2)")
    follower.run(replication_source("slot", "pub", table_names=None, credentials=postgres))

    check_same(postgres, "a", "b")


def test_two_tables_of_one_name_are_refused(db, postgres):
    db.execute("CREATE SCHEMA other; CREATE TABLE other.a (id int PRIMARY KEY)")
    db.execute("CREATE PUBLICATION pub FOR TABLE a, other.a")
    init_replication("slot", "pub", "public", [], postgres)

    with pytest.raises(StepFailed, match=r"other\.a and public\.a"):
        pipeline().run(replication_resource("slot", "pub", postgres))


def test_a_table_that_gets_another_name_keeps_its_large_values(db, postgres):
    """Its changes so far go to the old name, with the values that the log leaves out."""
    db.execute("ALTER TABLE a ALTER w SET STORAGE EXTERNAL")
    db.execute("UPDATE a SET w = repeat('w', 5000)")
    follower = pipeline()
    follower.run(source(postgres, ["a"]))
    db.execute("UPDATE a SET v = 'n' WHERE id = 1")
    db.execute("ALTER TABLE a RENAME TO b")
    follower.run(source(postgres, ["b"]))

    check_same(postgres, "b")
    assert at_destination("a") == at_source(postgres, "b")


def test_a_large_value_of_a_column_that_is_gone(db, postgres, caplog):
    db.execute("ALTER TABLE a ALTER w SET STORAGE EXTERNAL")
    db.execute("UPDATE a SET w = repeat('w', 5000)")
    follower = pipeline()
    follower.run(source(postgres, ["a"]))
    db.execute("UPDATE a SET v = 'n' WHERE id = 1")
    db.execute("ALTER TABLE a DROP w")
    with caplog.at_level(logging.WARNING, "dlt"):
        follower.run(source(postgres, ["a"]))

    check_same(postgres, "a")
    assert "column w was dropped at the source" in caplog.text


def out_and_in(db):
    db.execute("ALTER PUBLICATION pub DROP TABLE a")
    db.execute("DELETE FROM a WHERE id = 1")
    db.execute("ALTER PUBLICATION pub ADD TABLE a")


def publication_anew(db):
    db.execute("DROP PUBLICATION pub")
    db.execute("DELETE FROM a WHERE id = 1")
    db.execute("CREATE PUBLICATION pub FOR TABLE a")


def other_actions(db):
    db.execute("ALTER PUBLICATION pub SET (publish = 'insert')")
    db.execute("DELETE FROM a WHERE id = 1")
    db.execute("ALTER PUBLICATION pub SET (publish = 'insert, update, delete')")


@pytest.mark.parametrize(
    "happens",
    [
        out_and_in,
        pytest.param(publication_anew, marks=pytest.mark.slow),
        pytest.param(other_actions, marks=pytest.mark.slow),
    ],
)
def test_changes_that_were_not_published(db, postgres, happens, caplog):
    """A table that was loaded as a whole is loaded anew; of one of which only changes are loaded a warning tells."""
    follower = pipeline()
    follower.run(source(postgres, ["a"]))
    happens(db)
    if happens is publication_anew and db.info.server_version < 180_000:  # which does not read on
        with pytest.raises(StepFailed, match=r"dropped for a time[\s\S]*drop_resources"):
            follower.run(source(postgres, ["a"]))
        return
    follower.run(source(postgres, ["a"]))
    check_same(postgres, "a")

    cleanup("slot", "pub", postgres)
    init_replication("slot", "pub", "public", ["a"], postgres)
    other = pipeline(name="other")
    other.run(replication_resource("slot", "pub", postgres))
    happens(db)
    with caplog.at_level(logging.WARNING, "dlt"):
        other.run(replication_resource("slot", "pub", postgres))
    assert "Table public.a was altered, or was not in the publication pub" in caplog.text


@pytest.mark.parametrize(
    ("made", "lists"),
    [
        ("", "x, y"),
        pytest.param(" WITH (publish_generated_columns = stored)", "y", marks=pytest.mark.slow),
    ],
)
def test_generated_columns_that_are_left_out_are_told_once(postgres, caplog, made, lists):
    with connected(postgres) as db:
        if made and db.info.server_version < GENERATED:
            pytest.skip("publications have no generated columns before PostgreSQL 18")
        db.execute("CREATE TABLE a (id int PRIMARY KEY, x int GENERATED ALWAYS AS (id * 2) STORED)")
        if db.info.server_version < GENERATED:
            lists = "x"
        else:
            db.execute("ALTER TABLE a ADD y int GENERATED ALWAYS AS (id * 3) VIRTUAL")
        db.execute(f"INSERT INTO a VALUES (1); CREATE PUBLICATION pub FOR TABLE a{made}")
        follower = pipeline()
        for number in (2, 3):
            with caplog.at_level(logging.WARNING, "dlt"):
                follower.run(source(postgres, []))
            db.execute(f"INSERT INTO a VALUES ({number})")

    said = [record.getMessage() for record in caplog.records if "generated columns" in record.getMessage()]
    assert len(said) == 1
    assert f"Table public.a: the publication pub has no values of the generated columns {lists}, so" in said[0]
    assert [sorted(row) for row in at_destination("a")] == [["id", "x"] if made else ["id"]] * 2


def test_a_new_part_does_not_load_the_table_anew(postgres):
    with connected(postgres) as db:
        db.execute("CREATE TABLE a (id int PRIMARY KEY) PARTITION BY RANGE (id)")
        db.execute("CREATE TABLE a1 PARTITION OF a FOR VALUES FROM (0) TO (10); INSERT INTO a VALUES (1)")
        follower = pipeline()
        follower.run(source(postgres, ["a"]))
        before = at_destination("a", ["id", "lsn"])
        db.execute("CREATE TABLE a2 PARTITION OF a FOR VALUES FROM (10) TO (20); ANALYZE a; INSERT INTO a VALUES (11)")
        db.execute("VACUUM a")
        follower.run(source(postgres, ["a"]))

    assert at_destination("a", ["id", "lsn"])[:1] == before
    check_same(postgres, "a")


# ---- once, and nothing forgotten


def test_the_slot_moves_when_the_load_is_known_to_be_committed(db, postgres):
    follower = pipeline()
    follower.run(source(postgres, ["a"]))
    first = confirmed(postgres)
    db.execute("DELETE FROM a WHERE id = 1")
    follower.extract(source(postgres, ["a"]))
    second = confirmed(postgres)
    db.execute("DELETE FROM a WHERE id = 2")
    follower.extract(source(postgres, ["a"]))  # the load before waits
    assert confirmed(postgres) == second >= first

    follower.normalize()
    follower.load()
    follower.extract(source(postgres, ["a"]))
    assert confirmed(postgres) > second
    check_same(postgres, "a")


def test_what_was_given_up_is_read_again(db, postgres):
    follower = pipeline()
    follower.run(source(postgres, ["a"]))
    db.execute("CREATE TABLE b (line text)")
    db.execute("INSERT INTO b VALUES ('x')")
    follower.run(source(postgres, ["a", "b"]))
    db.execute("INSERT INTO b VALUES ('y')")
    db.execute("TRUNCATE a")
    follower.extract(source(postgres, ["a", "b"]))
    follower.abort_packages()
    follower.run(source(postgres, ["a", "b"]))

    check_same(postgres, "a", "b")


def test_a_new_work_directory_goes_on_from_the_destination(db, postgres):
    db.execute("CREATE TABLE b (line text); INSERT INTO b VALUES ('x')")
    follower = pipeline()
    follower.run(source(postgres, ["a", "b"]))
    follower.drop()
    db.execute("INSERT INTO b VALUES ('y'); DELETE FROM a WHERE id = 1")
    pipeline().run(source(postgres, ["a", "b"]))

    check_same(postgres, "a", "b")


def test_a_package_that_was_set_aside_must_be_dealt_with_first(db, postgres, monkeypatch):
    """Later changes must not go before it."""
    from dlt.package.manifest import FAILED

    follower = pipeline()
    follower.run(source(postgres, ["a"]))
    db.execute("DELETE FROM a WHERE id = 1")
    follower.extract(source(postgres, ["a"]))
    follower.normalize()
    (load_id,) = follower.list_normalized_load_packages()
    follower.workdir.packages.move(load_id, FAILED)

    with pytest.raises(StepFailed, match="was set aside"):
        follower.run(source(postgres, ["a"]))
    follower.retry_package(load_id)
    follower.run(source(postgres, ["a"]))
    check_same(postgres, "a")


def test_a_run_without_changes_loads_nothing(db, postgres):
    follower = pipeline()
    follower.run(source(postgres, ["a"]))
    db.execute("CREATE TABLE other (id int); INSERT INTO other VALUES (1)")

    assert loaded(follower.run(source(postgres, ["a"]))) == 0
    assert loaded(follower.run(source(postgres, ["a"]))) == 0
    assert set(dlt.current.source_state()["resources"]["slot_pub"]) == {"lsn", "tables"}


def test_the_slot_moves_when_others_write_a_lot(db, postgres, monkeypatch):
    monkeypatch.setattr(stream, "QUIET", 100_000)
    follower = pipeline()
    follower.run(source(postgres, ["a"]))
    before = confirmed(postgres)
    db.execute("CREATE TABLE other AS SELECT n FROM generate_series(1, 10000) n")

    assert loaded(follower.run(source(postgres, ["a"]))) == 1
    assert loaded(follower.run(source(postgres, ["a"]))) == 0
    assert confirmed(postgres) > before + 100_000


def test_flush_slot_false_keeps_the_log(db, postgres):
    """What the log tells again is not loaded again, also where no key would show it."""
    db.execute("CREATE TABLE b (line text)")
    follower = pipeline()
    follower.run(source(postgres, ["a", "b"], flush_slot=False))
    before = confirmed(postgres)
    for _ in range(2):
        db.execute("INSERT INTO a SELECT max(id) + 1 FROM a")
        db.execute("INSERT INTO b VALUES ('x')")
        follower.run(source(postgres, ["a", "b"], flush_slot=False))
    check_same(postgres, "a", "b")
    assert confirmed(postgres) == before


def test_changes_before_a_snapshot_are_not_loaded_twice(db, postgres):
    db.execute("CREATE TABLE b (line text)")
    init_replication("slot", "pub", "public", ["a", "b"], postgres)
    db.execute("INSERT INTO b VALUES ('x'); INSERT INTO a VALUES (6); UPDATE a SET v = 'n'")
    follower = pipeline()
    follower.run(source(postgres, ["a", "b"]))
    db.execute("INSERT INTO b VALUES ('y')")
    follower.run(source(postgres, ["a", "b"]))

    check_same(postgres, "a", "b")


def test_max_changes_ends_with_a_whole_transaction(db, postgres):
    follower = pipeline()
    follower.run(source(postgres, ["a"]))
    for number in range(3):
        db.execute(f"UPDATE a SET v = 'n{number}'")
    seen = []
    for _ in range(4):
        follower.run(source(postgres, ["a"], max_changes=4))
        seen.append({row["v"] for row in at_destination("a")})

    assert seen == [{"n0"}, {"n1"}, {"n2"}, {"n2"}]


def test_log_that_is_kept_is_told(db, postgres, monkeypatch, caplog):
    monkeypatch.setattr(stream, "BEHIND", 10_000)
    db.execute("CREATE TABLE other AS SELECT n FROM generate_series(1, 10000) n")
    follower = pipeline()
    follower.run(source(postgres, ["a"]))
    db.execute("INSERT INTO other SELECT n FROM generate_series(1, 10000) n")
    with caplog.at_level(logging.WARNING, "dlt"):
        follower.run(source(postgres, ["a"]))

    assert "GB of log for the replication slot slot" in caplog.text


def test_a_long_log_goes_through_a_file(db, postgres, monkeypatch):
    monkeypatch.setattr(stream, "MEMORY", 1000)
    monkeypatch.setattr(stream, "MOST_BYTES", 5000)
    follower = pipeline()
    follower.run(source(postgres, ["a"]))
    db.execute("INSERT INTO a SELECT n, repeat('v', 50), 'w' FROM generate_series(10, 2000) n")
    follower.run(source(postgres, ["a"]))

    check_same(postgres, "a")


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE a ALTER v TYPE varchar USING v || '!'",
        *(
            pytest.param(one, marks=pytest.mark.slow)
            for one in ("TRUNCATE a", "VACUUM FULL a", "ALTER TABLE a ADD x int")
        ),
    ],
)
def test_a_table_that_is_rewritten_while_a_snapshot_is_made(db, postgres, monkeypatch, statement):
    """An old snapshot sees such a table as empty."""
    exported, happened = Server._exported, []

    @contextmanager
    def interrupted(self):
        with exported(self) as made:
            yield made
        if not happened:
            happened.append(db.execute(statement))

    monkeypatch.setattr(Server, "_exported", interrupted)
    follower = pipeline()
    follower.run(source(postgres, ["a"]))
    check_same(postgres, "a")
    db.execute("DELETE FROM a WHERE id = 1")
    follower.run(source(postgres, ["a"]))
    check_same(postgres, "a")
    assert happened


# ---- beginning in two steps


@pytest.mark.slow
def test_snapshot_then_changes(db, postgres):
    follower = pipeline()
    snapshot = init_replication("slot", "pub", "public", "a", postgres, persist_snapshots=True, reset=True)
    db.execute("DELETE FROM a WHERE id = 1")
    follower.run(snapshot)
    check_same(postgres, "a")
    db.execute("DELETE FROM a WHERE id = 2")
    follower.run(replication_resource("slot", "pub", postgres))
    check_same(postgres, "a")
    assert replication_resource("slot", "pub", postgres).name == "slot_pub"


def test_changes_alone(db, postgres):
    assert init_replication("slot", "pub", "public", ["a"], postgres) is None
    db.execute("INSERT INTO a VALUES (6, 'x', 'y')")
    db.execute("UPDATE a SET v = 'n' WHERE id = 1")
    db.execute("TRUNCATE a")  # which is not told, unless publish= says so
    pipeline().run(replication_resource("slot", "pub", postgres))

    assert [(row["id"], row["v"]) for row in at_destination("a")] == [(1, "n"), (6, "x")]


def test_reset_begins_anew(db, postgres):
    follower = pipeline()
    follower.run(source(postgres, ["a"]))
    db.execute("DELETE FROM a WHERE id = 1")
    (snapshot,) = init_replication("slot", "pub", "public", ["a"], postgres, persist_snapshots=True, reset=True)
    follower.run(snapshot)
    check_same(postgres, "a")
    db.execute("DELETE FROM a WHERE id = 2")
    follower.run(replication_resource("slot", "pub", postgres))
    check_same(postgres, "a")


def test_arguments_come_from_the_configuration(db, postgres, monkeypatch):
    for name, value in {"SLOT_NAME": "slot", "PUB_NAME": "pub", "TABLE_NAMES": "a", "CREDENTIALS": postgres}.items():
        monkeypatch.setenv(f"SOURCES__PG_REPLICATION__{name}", value)
    pipeline().run(replication_source())
    db.execute("DELETE FROM a WHERE id = 1")
    pipeline().run(replication_resource())
    check_same(postgres, "a")
    cleanup()

    assert db.execute("SELECT count(*) FROM pg_replication_slots").fetchone() == (0,)


def test_in_a_thread_of_its_own(db, postgres):
    follower = pipeline()
    follower.run(source(postgres, ["a"]).parallelize())
    db.execute("TRUNCATE a; INSERT INTO a VALUES (9)")
    follower.run(source(postgres, ["a"]).parallelize())
    check_same(postgres, "a")


# ---- destinations


def test_another_destination(db, postgres):
    """Merge with hard deletes and emptied tables, wherever these are possible."""
    follower = pipeline(memory())
    follower.run(source(postgres, ["a"]))
    db.execute("TRUNCATE a; INSERT INTO a VALUES (1, 'n'), (2, 'n')")
    db.execute("DELETE FROM a WHERE id = 2")
    follower.run(source(postgres, ["a"]))
    rows = follower.destination.open("copy", None).read("a").read_all().to_pylist()

    assert [(row["id"], row["v"]) for row in rows] == [(1, "n")]
