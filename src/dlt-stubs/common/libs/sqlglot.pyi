import sqlglot as sqlglot
