"""Sources and resources are iterated, cloned and looked at without a pipeline."""

import dlt


@dlt.resource(name="numbers")
def numbers(upto: int = 3):
    yield from ({"n": n} for n in range(upto))


assert list(numbers) == [{"n": 0}, {"n": 1}, {"n": 2}]
assert list(numbers(2).add_map(lambda row: row["n"])) == [0, 1]


@dlt.source
def both():
    return numbers(4), numbers(2).with_name("few")


assert len(list(both())) == 6
made = both()
assert made.few.name == "few"
copy = made.clone()
copy.few.apply_hints(write_disposition="replace", table_name="renamed")
pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(copy)
pipeline.run(made.with_resources("few"))

# numbers 4, renamed 2, few 2
