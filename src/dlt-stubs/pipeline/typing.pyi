from dlt.compat.aliases import TPipelineStep as TPipelineStep
