from dlt.config.credentials import AwsCredentials as AwsCredentials
