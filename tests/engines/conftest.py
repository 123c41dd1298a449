"""One PostgreSQL and one Spark for all tests of engines."""

import os

import pytest

from recomart.engines import DuckDBEngine, connect
from recomart.engines.postgres import PostgresEngine
from recomart.engines.spark import SparkEngine
from recomart.settings import EngineSettings
from tests.servers import find

QUICK_START = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto"
"""Of each Java: queries over few rows pay for compiling well, and never get it back."""
CLUSTER = EngineSettings(
    kind="spark",
    spark_master="local-cluster[2,1,1024]",  # two executors, each a process of its own
    spark_options={
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.adaptive.enabled": "false",
        "spark.driver.memory": "1g",
        "spark.driver.extraJavaOptions": QUICK_START,
        "spark.executor.extraJavaOptions": QUICK_START,
        "spark.log.level": "ERROR",
    },
)


@pytest.fixture
def duckdb_engine():
    with DuckDBEngine(connect(EngineSettings(threads=2))) as engine:
        yield engine


@pytest.fixture(scope="session")
def spark_engine(pandas_allowed):
    find("java")
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    with SparkEngine(CLUSTER) as engine:
        yield engine


@pytest.fixture
def engine(request):
    if request.param in ("spark", "duckdb"):
        yield request.getfixturevalue(f"{request.param}_engine")
        return
    with PostgresEngine(request.getfixturevalue("postgres_url")) as engine:
        yield engine
