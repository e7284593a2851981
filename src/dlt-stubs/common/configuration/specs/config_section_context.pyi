from dlt.config.sections import ConfigSectionContext as ConfigSectionContext
