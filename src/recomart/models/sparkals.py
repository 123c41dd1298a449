"""ALS on Spark MLlib: for interactions that one machine takes too long to solve.

Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008, with
the regularisation of Zhou, Wilkinson, Schreiber and Pan, AAIM 2008, as MLlib has them. Spark fits;
NumPy answers, and serving needs no Spark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, Field

from recomart.errors import StoreUnavailableError
from recomart.models import sparse
from recomart.models.content import mapped
from recomart.models.ials import IALS, unheard
from recomart.models.least_squares import Ridge, Side

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array
    from typing_extensions import Self

    from recomart.models.interactions import Interactions


class SparkALSConfig(BaseModel, frozen=True, extra="forbid"):
    """Hyper-parameters of `SparkALS`."""

    embedding_size: int = Field(64, gt=0, description="length of a vector")
    epochs: int = Field(10, gt=0, description="times that all users and all items are solved")
    regularisation: float = Field(
        0.1, gt=0, description="λ; it counts once for each entry of a history"
    )
    alpha: float = Field(1.0, gt=0, description="what a weight of 1 adds to the confidence of 1")
    strength_exponent: float = Field(
        0.0, ge=0, le=1, description="weights are raised to it; 0 makes them binary"
    )
    content_regularisation: float = Field(
        1.0, gt=0, description="of the map from what an item is to its vector, for new items"
    )
    blocks: int = Field(10, gt=0, description="parts that users, and items, are solved in")
    seed: int = Field(0, ge=0, description="of the first vectors")
    master: str = Field(
        "local[*]",
        description="local[*], spark://…, yarn, k8s://…; further settings of Spark come from its "
        "own spark-defaults.conf",
    )


class SparkALS(IALS):
    """Score ``x_u . y_i``; with ``c_ui = weight ** strength_exponent`` the vectors minimise

    ``sum_all (1 + alpha c_ui) (p_ui - x_u . y_i)**2 + λ (sum_u n_u |x_u|**2 + sum_i n_i |y_i|**2)``

    where p is 1 for an interaction and 0 else, c is 0 where there is none, and n counts entries of
    a row or column.

    Learned, kept and asked as in `IALS`: MLlib's item vectors, turned into the basis in which their
    Gramian is diagonal. A history is folded in as MLlib solves users, up to a factor that is the
    same for all items, exactly so where weights are binary.
    """  # noqa: D400 -- the formula ends the sentence

    config: SparkALSConfig  # type: ignore[assignment]  # what both have is used

    def __init__(self, config: SparkALSConfig | None = None) -> None:
        self.config = config or SparkALSConfig()

    def fit(self, interactions: Interactions) -> Self:
        """Let Spark solve; see `Recommender.fit`.

        Uses the Spark session that is there, and begins and ends one of its own where there is
        none. Raises MissingExtraError, StoreUnavailableError.
        """
        config = self.config
        weights = sparse.damped(interactions.weights, config.strength_exponent)
        items = np.zeros((weights.shape[1], config.embedding_size), dtype=np.float32)
        if weights.nnz:
            indices, vectors = self._solved(weights)
            items[indices] = vectors
        side = Side.of(items, Ridge(1 / config.alpha, config.regularisation / config.alpha, 1.0))
        self.items_, self.spectrum_ = side.vectors, side.spectrum
        if interactions.content is not None:
            heard = np.asarray(self.items_.any(axis=1))
            self.items_ = mapped(
                interactions.content, self.items_, heard, config.content_regularisation
            )
        self.unheard_ = unheard(self.items_)
        return self

    def _solved(self, weights: csr_array) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the items that have a vector, and the vectors, as MLlib finds them."""
        from recomart.engines.spark import open_session
        from recomart.settings import EngineSettings

        session, is_ours = open_session(EngineSettings(spark_master=self.config.master))
        try:
            return self._fitted_by(session, weights)
        except Exception as error:  # py4j's own tree of errors
            raise StoreUnavailableError("Spark", str(error)) from error
        finally:
            if is_ours:
                session.stop()

    def _fitted_by(
        self,
        session: Any,  # noqa: ANN401 -- a SparkSession
        weights: csr_array,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        from pyspark.ml.recommendation import ALS

        config, entries = self.config, weights.tocoo()
        columns = {"user": entries.row, "item": entries.col}
        table = pa.table({name: column.astype(np.int32) for name, column in columns.items()})
        frame = session.createDataFrame(table.append_column("rating", pa.array(entries.data)))
        als = ALS(
            rank=config.embedding_size,
            maxIter=config.epochs,
            regParam=config.regularisation,
            alpha=config.alpha,
            implicitPrefs=True,
            seed=config.seed,
            numUserBlocks=config.blocks,
            numItemBlocks=config.blocks,
        )
        found = als.fit(frame).itemFactors.toArrow()
        vectors = found["features"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        shape = (found.num_rows, config.embedding_size)
        return found["id"].to_numpy(), vectors.astype(np.float32).reshape(shape)

    def _ridge(self, n_items: int) -> Ridge:  # noqa: ARG002 -- MLlib counts entries alone
        """Return the part of the formula that is the same for all users."""
        return Ridge(0.0, self.config.regularisation / self.config.alpha, 1.0)
