"""A generator function, called, and a bare iterator."""

import dlt


def numbers():
    for number in range(5):
        yield {"number": number, "square": number**2}


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(numbers(), table_name="numbers")
pipeline.run(({"word": word} for word in "abc"), table_name="words", write_disposition="replace")

# numbers 5, words 3
