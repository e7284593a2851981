from dlt.extract.validate import Validator as _Validator
PydanticValidator = _Validator
