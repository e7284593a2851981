"""BEHAVIOUR 4.4-4.9, row by row: accessors, methods of configspecs and credentials, and the index of keys."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, ClassVar

import pytest

import dlt
from dlt.config import credentials as known
from dlt.config.custom import ConfigProvider, CustomLoaderDocProvider
from dlt.config.inject import with_config
from dlt.config.sections import ConfigSectionContext, inject_section
from dlt.config.spec import Configuration, configspec, fields_of, initialize_credentials, resolve_configuration
from dlt.errors import ConfigError, NotBuilt

DOCS = Path(__file__).parents[2] / "docs"

# ---- 4.9: each key is described, or named as one without effect

INDEX: dict[str, str] = {
    "runtime": "log_level log_format dlthub_telemetry sentry_dsn slack_incoming_hook request_timeout request_max_attempts "
    "request_backoff_factor request_max_retry_delay dlthub_dsn http_show_error_body http_max_error_body_length "
    "intercept_signals",
    "pipelines.<name>": "pipelines_dir pipeline_salt destination_type destination_name staging_type staging_name "
    "dataset_name dataset_name_layout import_schema_path export_schema_path restore_from_destination "
    "enable_runtime_trace use_single_dataset dev_mode refresh progress",
    "extract": "max_parallel_items workers futures_poll_interval copy_on_fork next_item_mode",
    "normalize.data_writer": "buffer_max_items file_max_items file_max_bytes disable_compression delimiter include_header "
    "quoting lineterminator encoding encoding_errors on_error_continue flavor version data_page_size "
    "timestamp_timezone row_group_size coerce_timestamps allow_truncated_timestamps use_compliant_nested_type "
    "write_page_index use_content_defined_chunking supports_dictionary_encoding compression "
    "arrow_concat_promote_options",
    "normalize": "workers start_method pool_type run_sleep json_normalizer.add_dlt_id json_normalizer.add_dlt_load_id "
    "parquet_normalizer.add_dlt_id parquet_normalizer.add_dlt_load_id",
    "load": "workers parallelism_strategy raise_on_failed_jobs raise_on_max_retries truncate_staging_dataset "
    "delete_completed_jobs start_new_jobs_on_signal auto_abort_on_terminal_error",
    "schema": "naming json_normalizer allow_identifier_change_on_table_with_data use_break_path_on_normalize "
    "external_schema_format external_schema_format_remove_defaults",
    "destination.<name>": "destination_type replace_strategy staging_dataset_name_layout "
    "enable_dataset_name_normalization bucket_url layout",
    "providers": "enable_airflow_secrets enable_google_secrets enable_aws_secrets",
    "": "iceberg_catalog dbt_package_runner dbt_cloud dashboard DLT_PROJECT_DIR DLT_CONFIG_FOLDER DLT_DATA_DIR "
    "DLT_LOCAL_DIR DLT_DEFAULT_NAMING_NAMESPACE DLT_DEFAULT_NAMING_MODULE DLT_DLT_ID_LENGTH_BYTES DLT_USE_JSON "
    "DLT_JSON_TYPED_PUA_START DLT_PIP_TOOL DLT_DISABLE_PLUGINS DLT_INTERVAL_START DLT_INTERVAL_END "
    "DLT_INTERVAL_TIMEZONE WORKSPACE__PROFILE",
}
KEYS = [f"{section}.{key}".strip(".") for section, keys in INDEX.items() for key in keys.split()]


@pytest.mark.parametrize("key", KEYS)
def test_section_4_9_keys_are_described(key: str) -> None:
    text = "\n".join((DOCS / f"{page}.md").read_text() for page in ("settings", "config", "differences"))

    assert re.search(rf"`{re.escape(key)}(\.\*| = \w+)?`", text)


LOUD: dict[str, str] = {  # what would change the result and is not built
    "LOAD__RAISE_ON_FAILED_JOBS": "false",
    "PIPELINES__PP__USE_SINGLE_DATASET": "false",
    "PIPELINES__PP__STAGING_TYPE": "filesystem",
    "RUNTIME__SENTRY_DSN": "https://host",
    "RUNTIME__DLTHUB_DSN": "https://host",
}


@pytest.mark.parametrize("variable", LOUD)
def test_section_4_9_what_is_not_built_is_said(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, LOUD[variable])

    with pytest.raises(NotBuilt):
        dlt.pipeline("pp")


# ---- 4.3: arguments

ARGUMENTS: dict[str, tuple[Any, str]] = {
    "with_config": (
        with_config,
        (
            "func spec sections section_arg_name sections_merge_style auto_pipeline_section include_defaults "
            "accept_partial initial_config base lock_context_on_injection"
        ),
    ),
    "resolve_configuration": (resolve_configuration, "config sections explicit_value accept_partial"),
    "inject_section": (inject_section, "section_context merge_existing lock_context"),
    "initialize_credentials": (initialize_credentials, "hint initial_value"),
    "ConfigSectionContext": (ConfigSectionContext, "pipeline_name sections merge_style source_state_key"),
    "CustomLoaderDocProvider": (CustomLoaderDocProvider, "name loader supports_secrets locations"),
    "ConfigProvider.get_value": (ConfigProvider.get_value, "self key hint pipeline_name sections"),
    "ConfigProvider.set_value": (ConfigProvider.set_value, "self key value pipeline_name sections"),
    "OAuth2Credentials.auth": (known.OAuth2Credentials.auth, "self scopes redirect_url"),
    "AwsCredentials.from_session": (known.AwsCredentials.from_session, "botocore_session"),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_section_4_3_arguments(name: str) -> None:
    function, names = ARGUMENTS[name]

    assert list(inspect.signature(function).parameters) == names.split()


# ---- 4.8: defaults of a pipeline


def test_section_4_8_defaults_of_a_pipeline() -> None:
    made = dlt.pipeline("pp")

    assert (made.settings.restore_from_destination, made.settings.enable_runtime_trace) == (True, True)
    assert (made.dev_mode, made.refresh, made.dataset_name) == (False, None, "pp_dataset")
    assert made.pipeline_salt == "PmN6MIVXV3p4A9RsWXCOEwgTFBOI+BYUU9atT71Qn/Y="


# ---- 4.4


@pytest.mark.parametrize("accessor", [dlt.config, dlt.secrets], ids=["config", "secrets"])
def test_section_4_4_members(accessor: Any) -> None:
    for name in ("config_providers", "writable_provider", "value"):
        assert getattr(accessor, name) is not None
    assert callable(accessor.register_provider)
    assert callable(accessor.values)


PROVIDERS = {"config": "config.toml", "secrets": "secrets.toml"}


@pytest.mark.parametrize("name", PROVIDERS)
def test_section_4_4_values_set_in_code_go_to_their_file(name: str) -> None:
    accessor = getattr(dlt, name)
    accessor["a.k"] = 5

    assert accessor.writable_provider.name == PROVIDERS[name]
    assert accessor["a.k"] == accessor.get("a.k", int) == 5
    assert accessor.get(field="a.k") == 5
    assert ("a.k" in dlt.secrets) == (name == "secrets")


@pytest.mark.parametrize("key", ["sources.k", "pp.k", "other"])
def test_section_4_4_accessors_take_the_exact_path(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K", "1")
    monkeypatch.setenv("PP__SOURCES__K", "2")
    dlt.pipeline("pp")

    assert key not in dlt.config
    with pytest.raises(KeyError):
        dlt.config[key]


# ---- 4.5


@configspec
class Server(Configuration):
    host: str = None  # type: ignore[assignment]  # required
    port: int = 80
    words: dlt.TSecretStrValue | None = None

    __section__: ClassVar[str] = "server"
    __recommended_sections__: ClassVar[Any] = ("net",)

    def on_resolved(self) -> None:
        self.port += 1


METHODS: dict[str, Any] = {
    "is_resolved": lambda made: made.is_resolved() is True,
    "is_partial": lambda made: made.is_partial() is False,
    "copy": lambda made: made.copy() == made and made.copy() is not made,
    "get_resolvable_fields": lambda made: list(made.get_resolvable_fields()) == ["host", "port", "words"],
    "mapping": lambda made: dict(made) == {"host": "h", "port": 81, "words": None},
    "item": lambda made: made["host"] == made.get("host") == "h",
    "on_resolved": lambda made: made.port == 81,
}


@pytest.mark.parametrize("name", METHODS)
def test_section_4_5_methods(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER__HOST", "h")

    assert METHODS[name](resolve_configuration(Server()))


def test_section_4_5_what_is_not_filled_is_partial() -> None:
    made = Server()

    assert (made.is_resolved(), made.is_partial()) == (False, True)
    made.host = "h"
    made.resolve()
    assert (made.is_resolved(), made.is_partial()) == (True, False)


@configspec
class Address(known.Credentials):
    host: str = None  # type: ignore[assignment]  # required
    port: int = 80

    def parse_native_representation(self, native_value: Any) -> None:
        self.host, _, port = str(native_value).partition(":")
        self.port = int(port)

    def to_native_representation(self) -> str:
        return f"{self.host}:{self.port}"


def test_section_4_5_native_values(monkeypatch: pytest.MonkeyPatch) -> None:
    @dlt.resource
    def rows(address: Address = dlt.secrets.value) -> Any:
        yield address.to_native_representation()

    monkeypatch.setenv("SOURCES__ROWS__ADDRESS", "h:5")

    assert list(rows) == ["h:5"]
    assert list(rows("x:7")) == ["x:7"]


def test_section_4_5_a_partial_optional_one_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    @configspec
    class Job(Configuration):
        name: str = "job"
        address: Address | None = None

    monkeypatch.setenv("ADDRESS__PORT", "5")
    assert resolve_configuration(Job()).address is None

    monkeypatch.setenv("ADDRESS__HOST", "h")
    assert resolve_configuration(Job()).address == Address(host="h", port=5)


# ---- 4.6

MORE_FIELDS: dict[str, str] = {
    "GcpServiceAccountCredentials": "auth_uri",
    "SFTPCredentials": "sftp_gss_auth sftp_gss_kex sftp_gss_deleg_creds sftp_gss_host sftp_gss_trust_dns",
}


@pytest.mark.parametrize("name", MORE_FIELDS)
def test_section_4_6_more_fields(name: str) -> None:
    assert set(MORE_FIELDS[name].split()) <= {one.name for one in fields_of(getattr(known, name))}


MEMBERS: dict[str, str] = {
    "ConnectionStringCredentials": "to_url parse_native_representation to_native_representation",
    "OAuth2Credentials": "auth add_scopes",
    "AwsCredentials": "to_s3fs_credentials to_session_credentials to_object_store_rs_credentials from_session "
    "has_default_credentials",
    "AzureCredentials": "to_adlfs_credentials to_object_store_rs_credentials has_default_credentials",
    "GcpServiceAccountCredentials": "to_native_credentials has_default_credentials",
    "GcpOAuthCredentials": "auth to_native_credentials",
}


@pytest.mark.parametrize("name", MEMBERS)
def test_section_4_6_members(name: str) -> None:
    for member in MEMBERS[name].split():
        assert callable(getattr(getattr(known, name), member))


URLS: dict[str, tuple[str, bool]] = {
    "postgres://u:p@h:5432/db?a=1": ("postgres://u:***@h:5432/db", True),
    "postgres://u@h/db": ("postgres://u@h/db", True),
    "no url": ("", False),
}


@pytest.mark.parametrize("url", URLS)
def test_section_4_6_connection_strings(url: str) -> None:
    shown, fits = URLS[url]
    if not fits:
        with pytest.raises(ConfigError, match="no connection string"):
            known.ConnectionStringCredentials(url)
        return

    assert str(known.ConnectionStringCredentials(url)) == shown
    assert known.ConnectionStringCredentials(url).to_native_representation() == url


# ---- 4.7


def test_section_4_7_attributes() -> None:
    with pytest.raises(ConfigError) as failed:
        resolve_configuration(Address(), sections=("a",))

    error: Any = failed.value
    assert (error.fields, list(error.traces)) == (["host"], ["host"])
    assert {provider for provider, _ in error.traces["host"]} == {"environment", "secrets.toml", "config.toml"}


def test_section_4_9_a_file_that_cannot_be_read(write: Any) -> None:
    write(config="a = [")

    with pytest.raises(ConfigError, match="not TOML"):
        dlt.config["a"]
