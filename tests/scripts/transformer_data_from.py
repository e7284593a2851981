"""A transformer with data_from, in a source that keeps both."""

import dlt


@dlt.source(name="library")
def library():
    @dlt.resource(write_disposition="replace")
    def authors():
        yield [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Bo"}]

    @dlt.transformer(data_from=authors, write_disposition="replace", primary_key="id")
    def books(authors):
        for author in authors:
            yield {"id": author["id"] * 10, "author_id": author["id"], "title": f"On {author['name']}"}

    return authors, books


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(library())
pipeline.run(library().with_resources("books"))

# authors 2, books 2
