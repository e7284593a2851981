"""Scripts that `dlt init` begins a project with; the first line of each says what it shows."""
