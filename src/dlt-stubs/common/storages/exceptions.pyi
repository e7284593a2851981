from dlt.errors import PackageError as _PackageError
LoadPackageAlreadyCompleted = _PackageError
LoadPackageNotFound = _PackageError
StorageException = _PackageError
