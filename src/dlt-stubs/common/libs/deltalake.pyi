from deltalake import DeltaTable as DeltaTable
import deltalake as deltalake
