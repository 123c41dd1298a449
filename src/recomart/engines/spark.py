"""Spark as an engine: expressions run on executors, rows come back as Parquet files."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from recomart.engines.base import empty
from recomart.errors import MissingExtraError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ibis.expr.types import Table
    from pyspark.sql import DataFrame, SparkSession
    from typing_extensions import Self

    from recomart.settings import EngineSettings

Given = TypeVar("Given")
Found = TypeVar("Found")
OPTIONS = {
    "spark.app.name": "recomart",
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.enabled": "false",
    "spark.sql.ansi.enabled": "true",  # what does not fit is an error, not a null
    "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
}
SQL_TYPES = {
    "string": "STRING",
    "int64": "BIGINT",
    "int32": "INT",
    "int16": "SMALLINT",
    "int8": "TINYINT",
    "float64": "DOUBLE",
    "boolean": "BOOLEAN",
}
LOOPBACK = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}


class SparkEngine:
    """Computes on a Spark cluster that sees the folder `exchange` and the lake's files.

    A session that is there already is used, and left running.
    """

    name = "spark"
    has_asof = False
    rows_at_once: int | None = None

    def __init__(self, settings: EngineSettings, exchange: Path | None = None) -> None:
        self.session, self._is_ours = open_session(settings)
        self.con = ibis.pyspark.connect(self.session)
        self.exchange = Path(tempfile.mkdtemp(prefix="recomart-spark-", dir=_made(exchange)))
        self._kept: dict[str, DataFrame] = {}
        self._n_answers = 0

    def read(self, name: str, paths: Sequence[Path], columns: Mapping[str, str]) -> Table:
        """See `Engine`."""
        if not paths:
            return self.load(name, empty(columns))
        schema = ", ".join(f"`{column}` {SQL_TYPES[kind]}" for column, kind in columns.items())
        return self._view(name, self.session.read.schema(schema).parquet(*map(str, paths)))

    def load(self, name: str, rows: pa.Table) -> Table:
        """See `Engine`; the rows travel as one Parquet file."""
        target = self.exchange / f"{name}-{self._count()}.parquet"
        pq.write_table(rows, target)
        return self._view(name, self.session.read.parquet(str(target)))

    def keep(self, name: str, table: Table) -> Table:
        """See `Engine`; persisted in the executors' memory and disks."""
        frame = self.session.sql(self.con.compile(table)).persist()
        self._kept[name] = frame
        return self._view(name, frame)

    def stream(self, table: Table) -> pa.RecordBatchReader:
        """See `Engine`. A sorted result has its parts in the order of their names."""
        folder = self.exchange / f"answer-{self._count()}"
        frame = self.session.sql(self.con.compile(table))
        try:
            frame.write.parquet(str(folder))
        except Exception as error:  # py4j's own tree of errors
            raise StoreUnavailableError("Spark", str(error)) from error
        schema = table.schema().to_pyarrow()
        parts = sorted(folder.glob("part-*.parquet"))
        return pa.RecordBatchReader.from_batches(schema, _batches(folder, parts, schema))

    def spread(self, work: Callable[[Given], Found], parts: Sequence[Given]) -> list[Found]:
        """Do work of ours on plain data, a task for each part; answers in the order of the parts.

        Spark does a part again whose executor was lost. Executors need RecoMart installed.
        """
        if not parts:
            return []
        tasks = self.session.sparkContext.parallelize(parts, len(parts)).map(work)
        try:
            return tasks.collect()
        except Exception as error:  # py4j's own tree of errors
            raise StoreUnavailableError("Spark", str(error)) from error

    def drop(self, name: str) -> None:
        """See `Engine`."""
        self.session.catalog.dropTempView(name)
        kept = self._kept.pop(name, None)
        if kept is not None:
            kept.unpersist()

    def _view(self, name: str, frame: DataFrame) -> Table:
        frame.createOrReplaceTempView(name)
        return self.con.table(name)

    def _count(self) -> int:
        self._n_answers += 1
        return self._n_answers

    def __enter__(self) -> Self:
        """See `Engine`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the session if it was begun here."""
        for name in list(self._kept):
            self.drop(name)
        if self._is_ours:
            self.session.stop()
        shutil.rmtree(self.exchange, ignore_errors=True)


def open_session(settings: EngineSettings) -> tuple[SparkSession, bool]:
    """Return the session that is there, or begin one; and whether it was begun here.

    Raises MissingExtraError, StoreUnavailableError.
    """
    try:
        from pyspark.sql import SparkSession
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), "spark") from None
    running = SparkSession.getActiveSession()
    if running is not None:
        return running, False
    builder = SparkSession.builder.master(settings.spark_master)
    options = OPTIONS | settings.spark_options
    if settings.spark_master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        options = LOOPBACK | options
    for option, value in options.items():
        builder = builder.config(option, value)
    try:
        return builder.getOrCreate(), True
    except Exception as error:  # py4j's own tree of errors
        raise StoreUnavailableError(f"Spark at {settings.spark_master}", str(error)) from error


def _made(folder: Path | None) -> Path | None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _batches(folder: Path, parts: list[Path], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for part in parts:
        with pq.ParquetFile(part) as file:
            for batch in file.iter_batches():
                yield batch.cast(schema)
    shutil.rmtree(folder, ignore_errors=True)
