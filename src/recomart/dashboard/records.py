"""What the dashboard reads of published files: only the fields that it shows.

Whoever writes a file may add to it; a field that is shown and missing is told as an error.
"""

from __future__ import annotations

from pydantic import BaseModel, Field


class Read(BaseModel, frozen=True, extra="ignore"):
    """Something read from a file."""


class Interval(Read):
    """A mean with its 95 % interval."""

    mean: float | None
    low: float | None
    high: float | None


class Against(Read):
    """A paired difference to a baseline."""

    baseline: str
    difference: Interval
    beats: bool


class ModelFigures(Read):
    """How good one model was."""

    model: str
    metrics: dict[str, Interval]
    segments: dict[str, Interval] = {}
    beyond: dict[str, float | None] = {}
    against: tuple[Against, ...] = ()


class Step(Read):
    """One comparison of the promotion gate."""

    challenger: str
    against: str
    difference: Interval
    replaces: bool
    why: str


class GateDecision(Read):
    """What the gate decided."""

    serve: str
    says: str
    steps: tuple[Step, ...] = ()


class JudgedOn(Read):
    """What the models were judged on."""

    cut_at: str
    n_test_users: int
    n_relevant: int
    n_items: int


class Ranker(Read):
    """What the ranker goes by."""

    loss: str
    importance: dict[str, float] = {}


class Evaluation(Read):
    """``evaluation.json``."""

    main_metric: str
    data: JudgedOn
    models: tuple[ModelFigures, ...]
    observations: tuple[str, ...] = ()
    decision: GateDecision
    ranker: Ranker | None = None

    def figures_of(self, model: str) -> ModelFigures | None:
        """Return the figures of a model that was compared."""
        return next((one for one in self.models if one.model == model), None)


class Outcome(Read):
    """What became of rows."""

    rows_in: int
    valid: int
    quarantined: int
    duplicates: int


class Rule(Read):
    """How often a rule was broken."""

    code: str
    says: str
    action: str
    violations: int


class DayRows(Read):
    """What became of the rows of a day."""

    date: str | None
    rows: Outcome


class Dimension(Read):
    """A part of a score."""

    name: str
    weight: float
    share: float


class Score(Read):
    """The score of a source."""

    value: float
    dimensions: tuple[Dimension, ...] = ()


class Counts(Read):
    """Rows, rules and days of a source."""

    rows: Outcome
    rules: tuple[Rule, ...] = ()
    dates: tuple[DayRows, ...] = ()


class SourceQuality(Read):
    """How good one source is."""

    name: str
    score: Score | None
    counts: Counts


class PastScore(Read):
    """An earlier report's scores."""

    until: str
    overall: float | None
    sources: dict[str, float] = {}


class Quality(Read):
    """``data_quality_report.json``."""

    until: str | None
    score: float | None
    formula: tuple[str, ...] = ()
    rows: Outcome
    sources: tuple[SourceQuality, ...]
    past: tuple[PastScore, ...] = ()


class Seen(Read):
    """How much there is, of the exploration."""

    n_events: int
    n_users: int
    n_items: int
    n_sessions: int
    n_pairs: int
    density: float | None
    first_us: int | None
    last_us: int | None


class Activity(Read):
    """Events of a day and type."""

    day: int
    event_type: str
    n: int


class Exploration(Read):
    """``eda.json``."""

    overview: Seen
    activity: tuple[Activity, ...] = ()


class StageRun(Read):
    """One stage of a run."""

    stage: str
    outcome: str
    seconds: float = 0.0
    made: tuple[str, ...] = ()
    rows: dict[str, int] = {}
    error: str | None = None


class Run(Read):
    """A run record."""

    run_id: str
    started_at: str
    seconds: float = 0.0
    outcome: str
    why: str = ""
    stages: tuple[StageRun, ...] = ()


class Feature(Read):
    """A feature, as the registry has it."""

    name: str
    dtype: str
    description: str = ""
    window_days: int | None = None


class View(Read):
    """A version of a feature view, as the registry has it."""

    name: str
    version: str
    keys: dict[str, str]
    features: tuple[Feature, ...]
    source: list[str] | str = ""
    description: str = ""
    owner: str = ""
    fresh_days: float | None = None


class Reason(Read):
    """A reason to retrain, with its figure."""

    name: str
    now: float | None
    threshold: float | None
    verdict: bool | None
    says: str


class Moved(Read):
    """How far a feature moved."""

    psi: float
    js: float
    ks: float | None = None
    null_then: float | None = None
    null_now: float | None = None


class Share(Read):
    """A share of lines, with its 95 % interval."""

    hits: int
    n: int
    low: float | None
    high: float | None


class Shown(Read):
    """What became of the lines of one model and source; ``all`` stands for any."""

    model: str
    source: str
    clicked: Share
    to_cart: Share
    bought: Share


class Online(Read):
    """What people did with the lists that they were shown."""

    days: int
    n_lists: int
    figures: tuple[Shown, ...] = ()


class Monitoring(Read):
    """``monitoring.json``."""

    monitored_us: int
    reasons: tuple[Reason, ...]
    features: dict[str, Moved] = {}
    online: Online | None = None


class Hold(Read):
    """``hold.json``: which published model serves."""

    number: int | None = Field(description="null: the newest")
    why: str = ""
