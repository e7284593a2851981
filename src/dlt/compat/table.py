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
        ParsedLoadJobFileName FilesystemConfiguration NormalizeStorageConfiguration
    """,
    "common.storages.configuration": """
        dlt.config.credentials: FileSystemCredentials=Credentials
        !: FilesystemConfiguration
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
    "sources.config": "dlt.config.spec: configspec dlt.config.inject: with_config",
    "destinations.exceptions": DESTINATION_ERRORS,
    "destinations.impl.duckdb.configuration": "dlt.compat.destinations: DuckDbCredentials DuckDbBaseCredentials=DuckDbCredentials",
    "destinations.impl.postgres.configuration": "dlt.config.credentials: PostgresCredentials=ConnectionStringCredentials",
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
    "common.storages.fsspec_filesystem": "read files with fsspec or pathlib, and yield rows or Arrow tables",
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
    "sources.filesystem": "list files with pathlib or fsspec, and yield rows or Arrow tables",
    "sources.helpers": "use requests or httpx in a resource",
    "sources.rest_api": "request pages with requests or httpx in a resource",
    "sources.sql_database": "read with the driver of the database in a resource",
    "_workspace": "use the command dlt",
}
