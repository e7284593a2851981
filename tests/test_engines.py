"""The servers of the tests answer, and what must be there is not skipped."""

from __future__ import annotations

import pytest
import sqlalchemy

from engines import absent


def test_postgres_answers(postgres):
    import psycopg

    with psycopg.connect(postgres) as connection:
        assert connection.execute("SHOW wal_level").fetchone() == ("logical",)


def test_mysql_answers(mysql):
    engine = sqlalchemy.create_engine(mysql)
    with engine.connect() as connection:
        assert "MariaDB" in connection.exec_driver_sql("SELECT version()").scalar()
    engine.dispose()


@pytest.mark.parametrize("required", ["mariadb", "postgres, mariadb", "all"])
def test_a_required_engine_is_not_skipped(monkeypatch, required):
    monkeypatch.setenv("REQUIRE_ENGINES", required)
    with pytest.raises(pytest.fail.Exception, match="apt-get install"):
        absent("mariadb", "apt-get install mariadb-server")


def test_another_engine_is_skipped_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setenv("REQUIRE_ENGINES", "postgres")
    with pytest.raises(pytest.skip.Exception, match="apt-get install"):
        absent("mariadb", "apt-get install mariadb-server")
