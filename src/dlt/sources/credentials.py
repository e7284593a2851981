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

__all__ = [
    "AwsCredentials",
    "AwsCredentialsWithoutDefaults",
    "AzureCredentials",
    "AzureCredentialsWithoutDefaults",
    "AzureServicePrincipalCredentials",
    "ConnectionStringCredentials",
    "Credentials",
    "GcpOAuthCredentials",
    "GcpServiceAccountCredentials",
    "HfCredentials",
    "OAuth2Credentials",
    "SFTPCredentials",
]
