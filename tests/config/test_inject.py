"""Arguments from the configuration: of sources, resources, transformers, destinations and other functions."""

from __future__ import annotations

import functools
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

import dlt
from dlt.config.credentials import ConnectionStringCredentials
from dlt.config.inject import get_fun_spec, get_orig_args, last_config, with_config
from dlt.config.lookup import use_pipeline
from dlt.config.sections import ConfigSectionContext, inject_section
from dlt.config.spec import Configuration, configspec, fields_of
from dlt.errors import ConfigError, StepFailed

Row = dict[str, Any]


def call(org: str = dlt.config.value, token: str = dlt.secrets.value, pages: int = 5, note: str | None = None) -> Row:
    return {"org": org, "token": token, "pages": pages, "note": note}


def of_source(*args: Any, **kwargs: Any) -> Row:
    @dlt.source(name="src", section="sec")
    def source(
        org: str = dlt.config.value, token: str = dlt.secrets.value, pages: int = 5, note: str | None = None
    ) -> Any:
        return dlt.resource([call(org, token, pages, note)], name="rows")

    [row] = source(*args, **kwargs)
    return row


def of_resource(*args: Any, **kwargs: Any) -> Row:
    @dlt.resource(name="src", section="sec")
    def resource(
        org: str = dlt.config.value, token: str = dlt.secrets.value, pages: int = 5, note: str | None = None
    ) -> Iterator[Row]:
        yield call(org, token, pages, note)

    [row] = resource(*args, **kwargs) if args or kwargs else resource
    return row


def of_transformer(*args: Any, **kwargs: Any) -> Row:
    @dlt.transformer(name="src", section="sec", data_from=dlt.resource([1], name="one"))
    def transformer(
        item: int, org: str = dlt.config.value, token: str = dlt.secrets.value, pages: int = 5, note: str | None = None
    ) -> Row:
        assert item == 1
        return call(org, token, pages, note)

    [row] = transformer(*args, **kwargs)
    return row


def of_function(*args: Any, **kwargs: Any) -> Row:
    return with_config(call, sections=("sources", "sec", "src"))(*args, **kwargs)


KINDS = pytest.mark.parametrize("made", [of_source, of_resource, of_transformer, of_function])


@pytest.fixture
def values(write: Any) -> None:
    write(config='[sources.sec.src]\norg = "o"\npages = 7', secrets='[sources.sec]\ntoken = "t"')


@KINDS
def test_from_files(made: Any, values: None) -> None:
    assert made() == {"org": "o", "token": "t", "pages": 7, "note": None}


@KINDS
@pytest.mark.parametrize(
    ("args", "kwargs", "expected"),
    [
        (("a",), {}, {"org": "a", "token": "t", "pages": 7, "note": None}),
        ((), {"org": "a", "pages": 5}, {"org": "a", "token": "t", "pages": 5, "note": None}),
        ((None,), {"token": None}, {"org": "o", "token": "t", "pages": 7, "note": None}),
        (("a", "b", None), {}, {"org": "a", "token": "b", "pages": None, "note": None}),
    ],
)
def test_what_is_given_goes_first(made: Any, args: Any, kwargs: Any, expected: Row, values: None) -> None:
    assert made(*args, **kwargs) == expected


@KINDS
def test_the_environment_goes_before_files(made: Any, values: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__SRC__ORG", "e")
    monkeypatch.setenv("NOTE", "n")
    monkeypatch.setenv("SOURCES__SEC__SRC__PAGES", "0x10")

    assert made() == {"org": "e", "token": "t", "pages": 16, "note": "n"}


@KINDS
def test_the_pipeline_goes_before_all(made: Any, values: None, write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    use_pipeline("pp")
    monkeypatch.setenv("SOURCES__SEC__SRC__ORG", "e")
    write(config='[pp.sources]\norg = "p"')

    assert made()["org"] == "p"


@KINDS
def test_all_that_is_missing_is_said_at_once(made: Any, own_folder: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        made()

    text = str(caught.value)
    assert "needs 2 values that are not set: org, token (secret)." in text
    assert "SOURCES__SRC__ORG" in text
    assert '[sources.src]\n    token = "..."' in text
    assert str(own_folder / ".dlt" / "secrets.toml") in text
    assert len(text.splitlines()) <= 12
    assert caught.value.fields == ["org", "token"]
    assert caught.value.traces["org"][:2] == [
        ("environment", "SOURCES__SEC__SRC__ORG"),
        ("environment", "SOURCES__SEC__ORG"),
    ]


def test_a_secret_in_config_toml_is_found_and_said(write: Any) -> None:
    write(config='[sources.src]\ntoken = "t0ken"\norg = "o"')

    with pytest.raises(ConfigError, match=r"config\.toml has sources\.src\.token, but this is a secret") as caught:
        of_source()
    assert "t0ken" not in str(caught.value)


@KINDS
def test_a_wrong_value(made: Any, values: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__SRC__PAGES", "many")

    with pytest.raises(ConfigError, match="many") as caught:
        made()
    assert "SOURCES__SRC__PAGES (environment) is str and no int" in str(caught.value)


def test_a_placeholder_is_used_and_noted(write: Any, caplog: pytest.LogCaptureFixture) -> None:
    write(secrets='[sources.src]\ntoken = "<configure me>"\norg = "o"')

    assert of_source()["token"] == "<configure me>"
    assert "sources.src.token in secrets.toml is still" in caplog.text


def test_a_wrong_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def function(pin: int = dlt.secrets.value) -> None: ...

    monkeypatch.setenv("PIN", "t0ken")
    with pytest.raises(ConfigError, match=r"PIN \(environment\) is str and no int") as caught:
        with_config(function)()
    assert "t0ken" not in str(caught.value)


def test_arguments_without_default_are_not_injected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORG", "e")

    @dlt.source
    def source(org: str) -> Any:
        return dlt.resource([{"org": org}], name="rows")

    with pytest.raises(TypeError, match="org"):
        source()


def test_what_is_looked_up_and_what_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATE", "KIND", "COUNT", "RAW", "FIXED", "PATH_"):
        monkeypatch.setenv(name, "5")
    monkeypatch.setenv("PATH", "of the system")
    state = object()

    def function(
        fixed: int, state: object = state, kind: type = int, count=1, raw=None, path: str = "mine"
    ) -> tuple[Any, ...]:
        return fixed, state, kind, count, raw, path

    found = with_config(functools.partial(function, fixed=1))()

    assert found == (1, state, int, 5, "5", "mine")


def test_annotations_that_cannot_be_seen_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    def function(a: NotThere = None, b: int = 3, c: NotThere = dlt.config.value) -> tuple[Any, ...]:  # type: ignore[name-defined]  # noqa: F821
        return a, b, c

    for name in "ABC":
        monkeypatch.setenv(name, "5")

    assert with_config(function)() == (None, 5, "5")


def test_a_type_that_no_value_has() -> None:
    def function(a: object = dlt.config.value) -> None: ...

    with pytest.raises(ConfigError, match="'a' of function"):
        with_config(function)


def test_inside_a_source_its_section_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    @dlt.resource(section="own")
    def rows(k: int = dlt.config.value) -> Iterator[Row]:
        yield {"k": k}

    @dlt.source(section="outer")
    def source() -> Any:
        return rows

    monkeypatch.setenv("SOURCES__OWN__K", "1")
    monkeypatch.setenv("SOURCES__OUTER__ROWS__K", "2")

    assert list(rows) == [{"k": 1}]
    assert list(source()) == [{"k": 2}]


def test_a_pipeline_run(write: Any, own_folder: Any, caplog: pytest.LogCaptureFixture) -> None:
    @dlt.resource(section="own")
    def rows(k: int = dlt.config.value, token: dlt.TSecretStrValue = dlt.secrets.value) -> Iterator[Row]:
        yield {"k": k, "long": len(token)}

    pipeline = dlt.pipeline("pp", destination="duckdb")
    with pytest.raises(StepFailed, match="k, token") as caught:
        pipeline.run(rows)
    assert "SOURCES__ROWS__K" in str(caught.value)

    write(config="[sources.own]\nk = 1\n[pp.sources]\nk = 3", secrets='[sources.own]\ntoken = "s3cret-t0ken"')
    info = pipeline.run(rows)

    assert info is not None
    assert list(rows) == [{"k": 3, "long": 12}]
    texts = [path.read_bytes() for path in own_folder.rglob("*") if path.is_file() and path.name != "secrets.toml"]
    assert texts
    assert [text for text in texts if b"s3cret-t0ken" in text] == []
    assert "s3cret-t0ken" not in f"{info.asstr(2)}{pipeline.last_trace.asstr(2)}{caplog.text}"


def test_all_resources_are_looked_at_before_one_runs() -> None:
    ran = []

    @dlt.resource
    def first(a: int = dlt.config.value) -> Iterator[Row]:
        ran.append(1)
        yield {"a": a}

    @dlt.resource
    def second(b: int = dlt.config.value) -> Iterator[Row]:
        yield {"b": b}

    @dlt.resource
    def third() -> Iterator[Row]:
        ran.append(1)
        yield {"c": 1}

    with pytest.raises(StepFailed, match=r"The resources 'first' and 'second' need 2 values that are not set: a, b"):
        dlt.pipeline("pp", destination="duckdb").run([first, second, third])
    assert ran == []


def test_a_transformer_is_resolved_once(write: Any) -> None:
    asked = []

    class Counting:
        name, secret = "counting", True

        def get(self, path: tuple[str, ...]) -> Any:
            asked.append(path)
            return 2 if path == ("factor",) else None

    dlt.config.register_provider(Counting())

    @dlt.transformer(data_from=dlt.resource([{"v": n} for n in range(50)], name="numbers"))
    def times(item: Row, factor: int = dlt.config.value) -> Row:
        return {"v": item["v"] * factor}

    assert [row["v"] for row in times] == [2 * n for n in range(50)]
    assert asked.count(("factor",)) == 1


def test_configspecs_as_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__DB__CREDS__PASSWORD", "p")

    @dlt.resource(section="db")
    def rows(creds: ConnectionStringCredentials = dlt.secrets.value) -> Iterator[Row]:
        yield {"url": creds.to_native_representation()}

    assert list(rows("pg://u@h/d")) == [{"url": "pg://u:p@h/d"}]
    assert list(rows({"drivername": "pg", "host": "x"})) == [{"url": "pg://:p@x"}]
    assert list(rows(ConnectionStringCredentials("pg://u:own@h/d"))) == [{"url": "pg://u:own@h/d"}]

    monkeypatch.delenv("SOURCES__DB__CREDS__PASSWORD")
    with pytest.raises(ConfigError, match=r"creds \(secret\)") as caught:
        list(rows())
    assert "SOURCES__ROWS__CREDS to one value such as a connection string, or set drivername" not in str(caught.value)
    assert "to one value such as a connection string, or set creds.drivername below it" in str(caught.value)


def test_a_function_as_destination(write: Any) -> None:
    got: list[Any] = []

    @dlt.destination
    def sink(items: Any, table: Any, url: str = dlt.config.value, key: str = dlt.secrets.value, tries: int = 3) -> None:
        got.append((url, key, tries))

    with pytest.raises((ConfigError, StepFailed), match=r"url, key \(secret\)"):
        dlt.pipeline("pp", destination=sink).run([{"a": 1}], table_name="t")

    write(config='[destination.sink]\nurl = "u"\ntries = 4', secrets='[destination.sink]\nkey = "k"')
    dlt.pipeline("pp", destination=sink).run([{"a": 1}], table_name="t")
    dlt.pipeline("pp", destination=sink(url="mine")).run([{"a": 1}], table_name="t")

    assert got == [("u", "k", 4), ("mine", "k", 4)]


def test_section_4_3_a_destination_with_a_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[Any] = []

    @dlt.destination(spec=Where)
    def by_field(items: Any, table: Any, host: str | None = None, port: int = 0) -> None:
        got.append((host, port))

    @dlt.destination(spec=Where, name="whole")
    def by_object(items: Any, table: Any, where: Where | None = None, conf: Where = None) -> None:  # type: ignore[assignment]
        got.append((conf.host, conf.port))

    with pytest.raises((ConfigError, StepFailed), match="host"):
        dlt.pipeline("p0", destination=by_field).run([{"a": 1}], table_name="t")

    monkeypatch.setenv("DESTINATION__BY_FIELD__HOST", "h")
    monkeypatch.setenv("DESTINATION__WHOLE__CONF__HOST", "w")
    dlt.pipeline("p1", destination=by_field).run([{"a": 1}], table_name="t")
    dlt.pipeline("p2", destination=by_field(port=5)).run([{"a": 1}], table_name="t")
    dlt.pipeline("p3", destination=by_object).run([{"a": 1}], table_name="t")

    assert got == [("h", 80), ("h", 5), ("w", 80)]
    assert get_fun_spec(by_field) is Where


# ---- with_config


@configspec
class Where(Configuration):
    host: str = None  # type: ignore[assignment]  # as users write required fields
    port: int = 80


def test_with_config_and_a_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    @with_config(spec=Where, sections="net")
    def function(path: str, host: str = "none", port: int = 0, where: Where = None) -> tuple[Any, ...]:  # type: ignore[assignment]
        return path, host, port, where

    monkeypatch.setenv("NET__HOST", "h")
    monkeypatch.setenv("NET__WHERE__HOST", "w")

    assert function("p") == ("p", "h", 80, Where(host="w"))
    assert function("p", "mine", where=Where(host="mine")) == ("p", "mine", 80, Where(host="mine"))


def test_with_config_options(monkeypatch: pytest.MonkeyPatch) -> None:
    def function(name: str = "", k: int = dlt.config.value, j: int = 1) -> tuple[Any, ...]:
        return name, k, j

    monkeypatch.setenv("A__K", "1")
    monkeypatch.setenv("A__B__K", "2")
    monkeypatch.setenv("J", "9")

    assert with_config(function, sections=("a",))() == ("", 1, 9)
    assert with_config(function, sections=("a",), section_arg_name="name")("b") == ("b", 2, 9)
    assert with_config(function, sections=("a",), include_defaults=False)() == ("", 1, 1)
    assert with_config(function, sections=("z",), accept_partial=True)() == ("", None, 9)


@configspec
class More(Configuration):
    extra: int = 7


def test_with_config_initial_and_base(monkeypatch: pytest.MonkeyPatch) -> None:
    def function(host: str | None = None, port: int = 1, extra: int = 0, k: int = dlt.config.value) -> tuple[Any, ...]:
        return host, port, extra, k

    monkeypatch.setenv("K", "3")
    monkeypatch.setenv("PORT", "9")
    with_initial = with_config(function, initial_config=Where(host="begun", port=5))
    with_base = with_config(function, base=More)

    assert with_initial(k=1) == ("begun", 9, 0, 1)
    assert with_initial(host="mine", k=1) == ("mine", 9, 0, 1)
    assert with_base() == (None, 9, 7, 3)
    with pytest.raises(ConfigError, match="no configspec"):
        with_config(function, base=int)


def test_section_4_2_of_a_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    @with_config(auto_pipeline_section=True)
    def function(pipeline_name: str | None = None, k: int = dlt.config.value) -> int:
        return k

    monkeypatch.setenv("K", "1")
    monkeypatch.setenv("PIPELINES__PP__K", "2")

    assert (function(), function("pp"), function("other")) == (1, 2, 1)


def test_section_4_3_last_config_and_original_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    @with_config(sections="x")
    def function(a: int = dlt.config.value, b: str = "b", **injection_kwargs: Any) -> tuple[Any, ...]:
        made = last_config(**injection_kwargs)
        return type(made).__name__, dict(made), get_orig_args(**injection_kwargs)

    @with_config(spec=Where, sections="net")
    def by_spec(port: int = 1, **injection_kwargs: Any) -> Any:
        return last_config(**injection_kwargs)

    monkeypatch.setenv("X__A", "5")
    monkeypatch.setenv("NET__HOST", "h")

    assert function(b="z") == ("FunctionConfiguration", {"a": 5, "b": "z"}, ((), {"b": "z"}))
    assert by_spec() == Where(host="h", port=80)
    with pytest.raises(ConfigError, match="injection_kwargs"):
        last_config()


@dlt.source
def described(a: int = dlt.config.value, token: str = dlt.secrets.value, n: int = 3, note: str | None = None) -> Any:
    return []


@dlt.resource
def plain_rows(k: int = 1) -> Any:
    yield k


def test_section_4_3_get_fun_spec() -> None:
    spec = get_fun_spec(described)

    assert spec is not None
    assert spec.__name__ == "DescribedConfiguration"
    assert list(spec.get_resolvable_fields()) == ["a", "token", "n", "note"]
    assert [(one.name, one.secret, one.required, one.default) for one in fields_of(spec)] == [
        ("a", False, True, None),
        ("token", True, True, None),
        ("n", False, False, 3),
        ("note", False, False, None),
    ]
    assert get_fun_spec(with_config(lambda where=None: where, spec=Where)) is Where
    assert get_fun_spec(lambda: 1) is None
    assert get_fun_spec(plain_rows).__name__ == "PlainRowsConfiguration"  # type: ignore[union-attr]


CONTEXTS = {  # what is around, the own one, the style -> pipeline and sections
    "incoming": (("e", ("sources", "es", "en")), ("i", ("sources", "is", "in")), "prefer_incoming", ("i", ("sources", "is", "in"))),
    "incoming, nothing own": (("e", ("sources", "es", "en")), (None, ()), "prefer_incoming", ("e", ("sources", "es", "en"))),
    "existing": (("e", ("sources", "es", "en")), ("i", ("sources", "is", "in")), "prefer_existing", ("e", ("sources", "es", "en"))),
    "existing, nothing around": ((None, ()), ("i", ("x",)), "prefer_existing", ("i", ("x",))),
    "resource": (("e", ("sources", "es", "en")), ("i", ("sources", "is", "in")), "resource_merge_style", ("i", ("sources", "es", "in"))),
    "resource, nothing own": (("e", ("sources", "es", "en")), (None, ()), "resource_merge_style", ("e", ("sources", "es", "en"))),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTEXTS)
def test_section_4_2_contexts(name: str) -> None:
    around, own, style, expected = CONTEXTS[name]
    merge = getattr(ConfigSectionContext, style)

    with inject_section(ConfigSectionContext(*around)), inject_section(ConfigSectionContext(*own, merge)) as found:
        assert (found.pipeline_name, found.sections) == expected


def test_section_4_2_injected_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    def function(k: int = dlt.config.value) -> int:
        return k

    monkeypatch.setenv("Y__Q__K", "9")
    monkeypatch.setenv("X__K", "5")
    monkeypatch.setenv("PP__X__K", "7")
    own, other = with_config(function, sections="x"), with_config(function)
    outer = with_config(function, sections="x", sections_merge_style=ConfigSectionContext.prefer_existing)

    with inject_section(ConfigSectionContext(sections=("y", "q"))):
        assert (other(), own(), outer()) == (9, 5, 9)
    with inject_section(ConfigSectionContext(pipeline_name="pp")):
        assert own() == 7
    assert own() == 5


def test_what_arguments_wait_for() -> None:
    assert repr(dlt.config.value) == "dlt.config.value"
    assert repr(dlt.secrets.value) == "dlt.secrets.value"
    assert pickle.loads(pickle.dumps(dlt.secrets.value)) is dlt.secrets.value
