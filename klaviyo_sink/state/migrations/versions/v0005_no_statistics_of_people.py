"""
PostgreSQL keeps samples of a column's values for its planner (`pg_statistic`): none of ids and profiles.

They would outlive the rows of a forgotten shopper. Queries name one key of these columns: the planner needs no samples.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("style_profiles", "shopper_id", "VARCHAR(255)"),
    ("style_profiles", "profile", "TEXT"),
    ("style_profiles", "said", "TEXT"),
    ("written_events", "unique_id", "VARCHAR(64)"),
    ("written_events", "shopper_id", "VARCHAR(255)"),
    ("written_events", "upload_id", "VARCHAR(128)"),
)


def upgrade() -> None:
    """Keep no samples from now on, and drop those there are: setting a column's type does that, even the same type."""
    for table, column, kind in _COLUMNS if _on_postgresql() else ():
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS 0")
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {kind}")


def downgrade() -> None:
    """Keep samples again."""
    for table, column, _ in _COLUMNS if _on_postgresql() else ():
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS -1")


def _on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"
