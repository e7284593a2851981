"""Credentials for arguments of sources: `from dlt.sources.credentials import ConnectionStringCredentials`."""

from __future__ import annotations

from dlt.config.credentials import (
    AwsCredentials,
    AwsCredentialsWithoutDefaults,
    AzureCredentials,
    AzureCredentialsWithoutDefaults,
    AzureServicePrincipalCredentials,
    ConnectionStringCredentials,
    Credentials,
    GcpOAuthCredentials,
    GcpServiceAccountCredentials,
    HfCredentials,
    OAuth2Credentials,
    SFTPCredentials,
)
from dlt.config.credentials import Credentials as CredentialsConfiguration
from dlt.config.credentials import Credentials as FileSystemCredentials
from dlt.config.credentials import Credentials as GcpCredentials
from dlt.config.spec import configspec

__all__ = [
    "AwsCredentials",
    "AwsCredentialsWithoutDefaults",
    "AzureCredentials",
    "AzureCredentialsWithoutDefaults",
    "AzureServicePrincipalCredentials",
    "ConnectionStringCredentials",
    "Credentials",
    "CredentialsConfiguration",
    "FileSystemCredentials",
    "GcpCredentials",
    "GcpOAuthCredentials",
    "GcpServiceAccountCredentials",
    "HfCredentials",
    "OAuth2Credentials",
    "SFTPCredentials",
    "configspec",
]
