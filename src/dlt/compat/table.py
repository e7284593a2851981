"""Old names as data: module below `dlt` -> where its names are. `module:` says where those after it are, `old=new` renames,
`=.` is the module itself, `*` passes every other name on, `!:` comes before names that are not built."""

from __future__ import annotations

SPECS = """
dlt.config.spec: BaseConfiguration=Configuration configspec
dlt.config.credentials: CredentialsConfiguration=Credentials ConnectionStringCredentials OAuth2Credentials
  AwsCredentials AwsCredentialsWithoutDefaults AzureCredentials AzureCredentialsWithoutDefaults
  AzureServicePrincipalCredentials GcpOAuthCredentials GcpServiceAccountCredentials SFTPCredentials HfCredentials
  GcpClientCredentials=GcpServiceAccountCredentials GcpCredentials=Credentials
  GcpServiceAccountCredentialsWithoutDefaults=GcpServiceAccountCredentials
dlt.config.sections: ConfigSectionContext
dlt.compat.contexts: PluggableRunContext ConfigProvidersContainer RuntimeConfiguration
"""

SCHEMA_TYPES = """
dlt.compat.aliases: TColumnSchema TTableSchema TTableSchemaColumns TStoredSchema TColumnNames TColumnType TWriteDisposition
  TSimpleRegex TTableFormat TTableReference TLoaderReplaceStrategy TLoaderMergeStrategy TDataType TSchemaContract
  TFileFormat TTypeDetections TSchemaEvolutionMode TSchemaContractDict TColumnHint TColumnName TTypeDetectionFunc
  TSchemaUpdate TPartialTableSchema TTableReferenceParam TWriteDispositionConfig TAnySchemaColumns TSchemaTables
  DLT_NAME_PREFIX VERSION_TABLE_NAME LOADS_TABLE_NAME PIPELINE_STATE_TABLE_NAME SIMPLE_REGEX_PREFIX
  C_DLT_ID C_DLT_LOAD_ID C_DLT_LOADS_TABLE_LOAD_ID
"""

ERRORS = """
dlt.errors: DltException=DltError TerminalException=FatalError TransientException=RetryableError TerminalValueError=FatalError
  MissingDependencyException=MissingExtra DependencyVersionException=MissingExtra ArgumentsOverloadException=ResourceError
  DictValidationException=SchemaError ValueErrorWithKnownValues=SchemaError
  PipelineException=DltError PipelineStateNotAvailable=ResourceError ResourceNameNotAvailable=ResourceError
  SourceSectionNotAvailable=ResourceError
dlt.compat.signals: SignalReceivedException
"""

DESTINATION_ERRORS = """
dlt.errors: DestinationException=DltError DestinationTerminalException=DestinationRefused
  DestinationTransientException=RetryableError DestinationUndefinedEntity=DestinationRefused
  DestinationConnectionError=RetryableError DestinationCapabilitiesException=PlanError
  DestinationHasFailedJobs=DestinationRefused SchemaUpdateErrorTransient=RetryableError
  SchemaUpdateErrorTerminal=DestinationRefused DestinationSchemaTampered=PackageError
  UnsupportedDataType=PlanError IdentifierTooLongException=PlanError UnknownDestinationModule=ConfigError
  InvalidDestinationReference=ConfigError DestinationInvalidFileFormat=PlanError
  DestinationLoadingViaStagingNotSupported=PlanError DestinationNoStagingMode=PlanError
  DestinationIncompatibleLoaderFileFormatException=PlanError
  DatabaseException=DltError DatabaseTerminalException=DestinationRefused DatabaseTransientException=RetryableError
  DatabaseUndefinedRelation=DestinationRefused CantExtractTablePrefix=ConfigError InvalidFilesystemLayout=ConfigError
  InvalidPlaceholderCallback=ConfigError SqlClientNotAvailable=NotBuilt FSClientNotAvailable=NotBuilt
"""

TIMES = """
dlt.compat.times: ensure_pendulum_datetime ensure_pendulum_datetime_utc=ensure_pendulum_datetime ensure_pendulum_date
  ensure_pendulum_time ensure_pendulum_datetime_non_utc ensure_datetime parse_iso_like_datetime timestamp_within precise_time to_seconds
  reduce_pendulum_datetime_precision
datetime: timedelta
"""

PIPELINE = """
dlt.pipeline.infos: LoadInfo ExtractInfo NormalizeInfo LoadPackageInfo LoadJobInfo
dlt.compat.contexts: PipelineContext StateInjectableContext get_dlt_pipelines_dir get_dlt_data_dir
dlt.compat.aliases: SupportsPipeline TSourceState TRefreshMode TPipelineState
dlt.extract.state: source_state resource_state
"""

MODULES: dict[str, str] = {
    # ---- dlt.common
    "common": """
        decimal: Decimal
        dlt.compat.aliases: Wei
        time: sleep
        dlt.common.pendulum: pendulum=.
        dlt.common.json: json=.
        dlt.common.logger: logger=.
    """,
    "common.json": "dlt.compat.texts: json=. *",
    "common.logger": "dlt.pipeline.logs: *",
    "common.pendulum": "pendulum: pendulum=. * datetime: timedelta",
    "common.wei": "dlt.compat.aliases: Wei EVM_DECIMAL_PRECISION",
    "common.arithmetics": "decimal: Decimal dlt.compat.values: numeric_default_context",
    "common.time": TIMES,
    "common.typing": "dlt.compat.aliases: *",
    "common.utils": "dlt.compat.values: *",
    "common.jsonpath": "dlt.compat.paths: *",
    "common.known_env": "dlt.compat.environment: *",
    "common.exceptions": ERRORS,
    "common.warnings": "dlt.compat.aliases: DltDeprecationWarning Dlt04DeprecationWarning Dlt100DeprecationWarning",
    "common.pipeline": PIPELINE,
    "common.metrics": "dlt.pipeline.metrics: DataWriterMetrics LoadJobMetrics",
    "common.validation": "!: validate_dict",
    "common.data_types": "dlt.compat.types: coerce_value py_type_to_sc_type dlt.compat.aliases: TDataType",
    "common.data_types.type_helpers": "dlt.compat.types: coerce_value py_type_to_sc_type",
    "common.data_types.typing": "dlt.compat.aliases: TDataType DATA_TYPES",
    "common.data_writers": "dlt.compat.aliases: TDataItemFormat !: DataWriter",
    "common.data_writers.escape": "dlt.compat.values: escape_postgres_identifier",
    "common.data_writers.configuration": "!: CsvFormatConfiguration",
    "common.data_writers.writers": "!: DataWriter",
    "common.storages.file_storage": "!: FileStorage",
    "common.storages": """
        !: FileStorage LoadStorage NormalizeStorage SchemaStorage SchemaStorageConfiguration PackageStorage
        ParsedLoadJobFileName NormalizeStorageConfiguration
        dlt.sources.filesystem.access: FilesystemConfiguration
    """,
    "common.storages.configuration": """
        dlt.config.credentials: FileSystemCredentials=Credentials
        dlt.sources.filesystem.access: FilesystemConfiguration
    """,
    "common.storages.fsspec_filesystem": """
        dlt.sources.filesystem: FileItem FileItemDict fsspec_filesystem glob_files
        dlt.sources.filesystem.access: FilesystemConfiguration fsspec_from_config
        dlt.config.credentials: FileSystemCredentials=Credentials AwsCredentials AzureCredentials SFTPCredentials HfCredentials
    """,
    "common.storages.exceptions": """
        dlt.errors: LoadPackageNotFound=PackageError LoadPackageAlreadyCompleted=PackageError StorageException=PackageError
    """,
    "common.storages.load_package": """
        dlt.compat.values: create_load_id
        !: ParsedLoadJobFileName LoadPackageStateInjectableContext
    """,
    # ---- dlt.common.configuration
    "common.configuration": """
        dlt.config.spec: configspec resolve_configuration NotResolved resolve_type
        dlt.config.coerce: is_valid_hint=is_known is_secret_hint
        dlt.config.inject: with_config last_config get_fun_spec
        dlt.config.sections: inject_section
        dlt.errors: ConfigFieldMissingException=ConfigError ConfigValueCannotBeCoercedException=ConfigError
        ConfigFileNotFoundException=ConfigError ConfigurationValueError=ConfigError
    """,
    "common.configuration.inject": "dlt.config.inject: with_config last_config get_fun_spec get_orig_args",
    "common.configuration.resolve": "dlt.config.spec: resolve_configuration initialize_credentials dlt.config.sections: inject_section",
    "common.configuration.accessors": "dlt.config.access: config secrets",
    "common.configuration.container": "dlt.compat.contexts: Container",
    "common.configuration.exceptions": """
        dlt.errors: ConfigurationException=ConfigError ConfigFieldMissingException=ConfigError
        ConfigurationValueError=ConfigError ConfigValueCannotBeCoercedException=ConfigError InvalidNativeValue=ConfigError
        ConfigFileNotFoundException=ConfigError ConfigProviderException=ConfigError ConfigurationWrongTypeException=ConfigError
        DuplicateConfigProviderException=ConfigError FinalConfigFieldException=ConfigError ConfigFieldTypeHintNotSupported=ConfigError
        ConfigFieldMissingTypeHintException=ConfigError UnmatchedConfigHintResolversException=ConfigError
        ValueNotSecretException=ConfigError
        dlt.config.lookup: LookupTrace=Found
    """,
    "common.configuration.providers": """
        dlt.config.custom: ConfigProvider CustomLoaderDocProvider
        dlt.compat.contexts: EnvironProvider ConfigTomlProvider SecretsTomlProvider
    """,
    "common.configuration.providers.provider": "dlt.config.custom: ConfigProvider",
    "common.configuration.providers.toml": """
        dlt.config.custom: CustomLoaderDocProvider
        dlt.compat.contexts: ConfigTomlProvider SecretsTomlProvider
    """,
    "common.configuration.providers.environ": "dlt.compat.contexts: EnvironProvider",
    "common.configuration.utils": "!: get_resolved_traces add_config_to_env",
    "common.configuration.specs": SPECS,
    "common.configuration.specs.base_configuration": """
        dlt.config.spec: BaseConfiguration=Configuration configspec NotResolved
        dlt.config.credentials: CredentialsConfiguration=Credentials
    """,
    "common.configuration.specs.aws_credentials": "dlt.config.credentials: AwsCredentials AwsCredentialsWithoutDefaults",
    "common.configuration.specs.azure_credentials": """
        dlt.config.credentials: AzureCredentials AzureCredentialsWithoutDefaults AzureServicePrincipalCredentials
    """,
    "common.configuration.specs.gcp_credentials": """
        dlt.config.credentials: GcpOAuthCredentials GcpServiceAccountCredentials GcpCredentials=Credentials
    """,
    "common.configuration.specs.connection_string_credentials": "dlt.config.credentials: ConnectionStringCredentials",
    "common.configuration.specs.config_section_context": "dlt.config.sections: ConfigSectionContext",
    "common.configuration.specs.config_providers_context": "dlt.compat.contexts: ConfigProvidersContainer",
    "common.configuration.specs.pluggable_run_context": "dlt.compat.contexts: PluggableRunContext RunContextBase",
    "common.credentials": "dlt.config.credentials: AwsCredentials",
    # ---- dlt.common.destination
    "common.destination": """
        dlt.compat.destinations: Destination
        !: DestinationCapabilitiesContext
    """,
    "common.destination.reference": "dlt.compat.destinations: Destination AnyDestination TDestinationReferenceArg",
    "common.destination.typing": "dlt.compat.aliases: PreparedTableSchema=TTableSchema",
    "common.destination.capabilities": "!: DestinationCapabilitiesContext DataTypeMapper",
    "common.destination.configuration": "!: CsvFormatConfiguration ParquetFormatConfiguration",
    "common.destination.client": """
        !: RunnableLoadJob DestinationClientDwhConfiguration WithStagingDataset SupportsOpenTables WithStateSync JobClientBase
    """,
    "common.destination.utils": "!: resolve_merge_strategy",
    "common.destination.exceptions": DESTINATION_ERRORS,
    "common.normalizers.naming": "dlt.schema.naming: NamingConvention",
    "common.normalizers.naming.snake_case": "dlt.schema.naming: NamingConvention=SnakeCase",
    "common.normalizers.naming.duck_case": "dlt.schema.naming: NamingConvention=DuckCase",
    "common.normalizers.naming.direct": "dlt.schema.naming: NamingConvention=Direct",
    "common.normalizers.naming.sql_ci_v1": "dlt.schema.naming: NamingConvention=SqlCi",
    "common.normalizers.naming.sql_cs_v1": "dlt.schema.naming: NamingConvention=SqlCs",
    "common.normalizers.naming.s3_tables": "dlt.schema.naming: NamingConvention=S3Tables",
    "common.normalizers.json.relational": "!: DataItemNormalizer",
    "common.runners": "!: Venv TRunMetrics run_pool",
    "common.runners.venv": "!: Venv",
    "common.runners.stdout": "!: iter_stdout iter_stdout_with_result",
    "common.runners.configuration": "!: PoolRunnerConfiguration",
    "common.runners.synth_pickle": "!: decode_obj",
    "common.runtime": "dlt.compat.signals: signals=. dlt.pipeline.slack: slack=. dlt.pipeline.progress: collector=.",
    "common.runtime.slack": "dlt.pipeline.slack: *",
    "common.runtime.signals": "dlt.compat.signals: *",
    "common.runtime.collector": "dlt.pipeline.progress: *",
    "common.runtime.run_context": "dlt.compat.contexts: RunContext DOT_DLT active=run_context",
    "common.runtime.anon_tracker": "!: dlthub_telemetry_track",
    # ---- dlt.common.schema
    "common.schema": f"""
        dlt.schema.schema: Schema
        dlt.errors: DataValidationError=ContractViolation
        {SCHEMA_TYPES}
    """,
    "common.schema.schema": "dlt.schema.schema: Schema",
    "common.schema.typing": SCHEMA_TYPES,
    "common.schema.exceptions": """
        dlt.errors: SchemaException=SchemaError DataValidationError=ContractViolation SchemaCorruptedException=SchemaError
        SchemaIdentifierNormalizationCollision=SchemaError CannotCoerceColumnException=SchemaError
        CannotCoerceNullException=SchemaError ParentTableNotFoundException=SchemaError TablePropertiesConflictException=SchemaError
        InvalidSchemaName=SchemaError SchemaEngineNoUpgradePathException=SchemaError UnboundColumnException=SchemaError
        TableNotFound=SchemaError
    """,
    "common.schema.utils": """
        dlt.compat.columns: merge_column new_table new_column
        !: pipeline_state_table normalize_table_identifiers
    """,
    "common.schema.normalizers": "!: configured_normalizers",
    # ---- dlt.common.libs
    "common.libs.pyarrow": """
        pyarrow: pyarrow=. Table=Table
        !: remove_columns py_arrow_to_table_schema_columns row_tuples_to_arrow
    """,
    "common.libs.pandas": "pandas: pandas=. DataFrame Series",
    "common.libs.polars": "polars: polars=. DataFrame",
    "common.libs.numpy": "numpy: numpy=.",
    "common.libs.pydantic": "dlt.compat.aliases: DltConfig pydantic: pydantic=. BaseModel",
    "common.libs.sql_alchemy": "sqlalchemy: sqlalchemy=. sa=. Table MetaData",
    "common.libs.sqlglot": "sqlglot: sqlglot=.",
    "common.libs.ibis": "ibis: ibis=.",
    "common.libs.deltalake": "deltalake: deltalake=. DeltaTable !: get_delta_tables",
    "common.libs.pyiceberg": "!: get_iceberg_tables",
    "common.libs.hexbytes": "!: HexBytes",
    # ---- dlt.extract; the modules that exist under their old names are not here
    "extract.items": "dlt.extract.marks: DataItemWithMeta TableNameMeta dlt.compat.aliases: TDataItem TDataItems",
    "extract.items_transform": "!: ItemTransform MapItem FilterItem YieldMapItem ValidateItem LimitItem",
    "extract.wrappers": "!: wrap_additional_type",
    "extract.validation": "dlt.extract.validate: PydanticValidator=Validator",
    "extract.extract": "!: ExtractStorage Extract",
    "extract.extractors": "dlt.extract.marks: MaterializedEmptyList with_file_import",
    "extract.incremental.context": "dlt.extract.interval: TimeIntervalContext=CurrentInterval",
    "extract.incremental.exceptions": """
        dlt.errors: IncrementalCursorPathMissing=ResourceError IncrementalPrimaryKeyMissing=ResourceError
        IncrementalCursorPathHasValueNone=ResourceError IncrementalCursorInvalidCoercion=SchemaError
        JoinSchedulerError=ConfigError ExternalSchedulerNotAvailable=ConfigError IntervalNotAvailable=ConfigError
    """,
    "extract.exceptions": """
        dlt.errors: DltSourceException=DltError DltResourceException=ResourceError ResourceExtractionError=ResourceError
        PipeException=ResourceError PipeGenInvalid=ResourceError PipeItemProcessingError=ResourceError
        InvalidResourceDataType=ResourceError InconsistentTableTemplate=SchemaError ResourceNameMissing=ResourceError
        DataItemRequiredForDynamicTableHints=ResourceError SourceDataIsNone=ResourceError SourceNotAFunction=ResourceError
        SourceIsAClassTypeError=ResourceError ResourcesNotFoundError=ResourceError CurrentSourceNotAvailable=ResourceError
        CurrentSourceSchemaNotAvailable=ResourceError InvalidTransformerGeneratorFunction=ResourceError
        UnknownSourceReference InvalidResourceDataTypeMultiplePipes=ResourceError
        InvalidParentResourceIsNotAResource=ResourceError InvalidResourceDataTypeBasic=ResourceError
        DeletingResourcesNotSupported=ResourceError ResourceNotFoundError=ResourceError ResourceNotATransformer=ResourceError
        InvalidParallelResourceDataType=ResourceError ParametrizedResourceUnbound=ResourceError SourceExhausted=ResourceError
        PipeNotBoundToData=ResourceError InvalidStepFunctionArguments=ResourceError CreatePipeException=SchemaError
        IncrementalUnboundError=ResourceError ExplicitSourceNameInvalid=ResourceError DataLocationKindRequired=ResourceError
    """,
    # ---- dlt.pipeline, dlt.load, dlt.normalize
    "pipeline.exceptions": """
        dlt.errors: PipelineException=DltError PipelineStepFailed=StepFailed PipelineNeverRan=CannotRestorePipeline
        CannotRestorePipelineException=CannotRestorePipeline InvalidPipelineName PipelineConfigMissing=ConfigError
        PipelineHasPendingDataException=PackageError PipelineNotActive=ResourceError
        PipelineStateEngineNoUpgradePathException=FatalError PipelineStateNotAvailable=ResourceError
    """,
    "pipeline.helpers": "dlt.pipeline.retrying: retry_load pipeline_drop !: retry_schema_update",
    "pipeline.typing": "dlt.compat.aliases: TPipelineStep",
    "pipeline.state_sync": "!: load_pipeline_state_from_destination",
    "load.exceptions": "dlt.errors: LoadClientJobFailed=DestinationRefused LoadClientJobRetry=RetryableError",
    "dataset.exceptions": "dlt.errors: DatasetException=DltError LineageFailedException=SchemaError",
    # ---- dlt.sources, dlt.destinations
    "sources.filesystem.helpers": "dlt.sources.filesystem: fsspec_from_resource FilesystemConfigurationResource",
    "sources.helpers.requests": "dlt.sources.http.requests: *",
    "sources.helpers.requests.retry": """
        dlt.sources.http.client: Client DEFAULT_RETRY_STATUS DEFAULT_RETRY_EXCEPTIONS RetryPredicate client
        dlt.sources.http.requests: get post put patch delete options head request
        dlt.sources.http.session: DEFAULT_TIMEOUT Session TRequestTimeout
    """,
    "sources.helpers.requests.session": "dlt.sources.http.session: DEFAULT_TIMEOUT Session TRequestTimeout",
    "sources.helpers.rest_client": """
        dlt.sources.http.rest_client: RESTClient PageData paginate HTTPMethodBasic Hooks
        dlt.sources.http.auth: AuthConfigBase
        dlt.sources.http.paginators: BasePaginator
    """,
    "sources.helpers.rest_client.auth": "dlt.sources.http.auth: *",
    "sources.helpers.rest_client.client": """
        dlt.sources.http.rest_client: RESTClient PageData HTTPMethod HTTPMethodBasic Hooks
        dlt.sources.http.session: raise_for_status _dlt_raise_for_status=raise_for_status
        dlt.sources.http.detect: PaginatorFactory find_response_page_data
        dlt.sources.http.paginators: BasePaginator
        dlt.sources.http.urls: join_url sanitize_url
        dlt.errors: IgnoreResponseException=IgnoreResponse PaginatorNotFound=RestClientError
    """,
    "sources.helpers.rest_client.detector": "dlt.sources.http.detect: *",
    "sources.helpers.rest_client.exceptions": """
        dlt.errors: RESTClientException=RestClientError IgnoreResponseException=IgnoreResponse
        PaginatorNotFound=RestClientError PaginatorSetupError=RestClientError
    """,
    "sources.helpers.rest_client.paginators": "dlt.sources.http.paginators: *",
    "sources.helpers.rest_client.redaction": "dlt.sources.http.urls: SENSITIVE_PARAMS sanitize_url",
    "sources.helpers.rest_client.typing": """
        dlt.sources.http.rest_client: HTTPMethod HTTPMethodBasic HTTPMethodExtended HookEvent HookFunction Hooks
    """,
    "sources.helpers.rest_client.utils": "dlt.sources.http.urls: join_url",
    "sources.rest_api.config_setup": "dlt.sources.rest_api.registry: register_paginator register_auth create_paginator create_auth",
    "sources.rest_api.typing": "dlt.sources.rest_api.config: *",
    "sources.rest_api.utils": "dlt.sources.rest_api.build: check_connection dlt.sources.http.urls: join_url",
    "sources.helpers.transform": "dlt.sources.transform: *",
    "sources.config": "dlt.config.spec: configspec dlt.config.inject: with_config",
    "sources.sql_database.helpers": """
        dlt.sources.sql_database: engine_from_credentials remove_nullability_adapter unwrap_json_connector_x
        dlt.sources.sql_database.load: BaseTableLoader TableLoader ConnectorXTableLoader TableBackend TABLE_LOADER_REGISTRY
        register_table_loader_backend get_table_loader_class
        dlt.sources.sql_database.reflect: ReflectionLevel TTypeAdapter=TypeAdapter TTableAdapter=TableAdapter
        default_engine_adapter_callback default_table_adapter table_to_resource_hints
        dlt.sources.sql_database.query: TQueryAdapter=QueryAdapter
        sqlalchemy: Table MetaData Engine SelectAny=Select SelectClause=Select TextClause
    """,
    "sources.sql_database.schema_types": """
        dlt.sources.sql_database.reflect: ReflectionLevel TTypeAdapter=TypeAdapter default_table_adapter get_primary_key
        get_table_references sqla_col_to_column_schema table_to_columns table_to_resource_hints
        sqlalchemy: Table Column Row Select SelectAny=Select ColumnAny=Column
    """,
    "sources.sql_database.arrow_helpers": "dlt.sources.sql_database.settle: row_tuples_to_arrow",
    "destinations.exceptions": DESTINATION_ERRORS,
    "destinations.impl.duckdb.configuration": "dlt.compat.destinations: DuckDbCredentials DuckDbBaseCredentials=DuckDbCredentials",
    "destinations.adapters": """
        dlt.destinations._adapters: postgres_adapter
        !: athena_adapter athena_partition bigquery_adapter bigquery_partition clickhouse_adapter databricks_adapter
        iceberg_adapter iceberg_partition lance_adapter lancedb_adapter qdrant_adapter synapse_adapter weaviate_adapter
    """,
    "destinations.impl.postgres.configuration": "dlt.destinations._postgres: PostgresCredentials",
    "destinations.impl.postgres.factory": "dlt.destinations._postgres: postgres !: PostgresTypeMapper",
    "destinations.impl.postgres.postgres_adapter": "dlt.destinations._adapters: postgres_adapter",
    "destinations.impl.sqlalchemy.configuration": "dlt.destinations._sqlalchemy: SqlalchemyCredentials",
    "destinations.impl.sqlalchemy.dialect": "dlt.destinations._sqlalchemy: DialectCapabilities register_dialect_capabilities",
    "destinations.impl.sqlalchemy.factory": "dlt.destinations._sqlalchemy: sqlalchemy",
    "destinations.impl.sqlalchemy.type_mapper": "!: SqlalchemyTypeMapper",
    "progress": "dlt.pipeline.progress: *",
    "version": "dlt: __version__",
}

# module, or beginning of its name -> what to do instead
NOT_BUILT: dict[str, str] = {
    "common.encryption": "keep secrets out of the state",
    "common.interval": "use dlt.current.interval",
    "common.reflection": "use the modules ast and inspect of Python",
    "common.versioned_state": "use dlt.current.source_state() or resource_state()",
    "common.configuration.plugins": "plugins are not known",
    "common.configuration.providers.airflow": "values of Airflow are found without it",
    "common.configuration.providers.vault": "vaults are named in the configuration",
    "common.storages.schema_storage": "use export_schema_path= and import_schema_path= of dlt.pipeline",
    "common.storages.load_storage": "use Pipeline.get_load_package_info",
    "destinations.adapters": "give hints in columns= of the resource",
    "destinations.impl": "give options to the destination of this name in dlt.destinations",
    "destinations.job_client_impl": "write a destination function with dlt.destination",
    "destinations.sql_client": "use the driver of the destination, as duckdb.connect(...)",
    "extract.pipe_iterator": "iterate over the source or resource",
    "helpers": "run the task in your own code: dbt, Airflow and marimo are ordinary packages",
    "hub": "it needs a package that this version does not know",
    "reflection": "use the module ast of Python",
    "_workspace": "use the command dlt",
}
