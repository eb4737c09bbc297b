"""Bulks and candidate masks, and an index for a key's latest edits."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables, and the new columns of jobs."""
    op.create_table(
        "candidates",
        sa.Column("owner", sa.String(), primary_key=True),
        sa.Column("image", sa.String(), primary_key=True),
        sa.Column("kind", sa.String(), primary_key=True),
        sa.Column("mask", sa.String(), nullable=False),
        sa.Column("recipe", sa.String(), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
    )
    op.create_table(
        "bulks",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("question", sa.JSON(), nullable=False),
    )
    op.create_index("bulks_by_key", "bulks", ["owner", "idempotency_key"], unique=True)
    op.add_column("jobs", sa.Column("bulk", sa.String(), nullable=True))
    op.add_column("jobs", sa.Column("found", sa.JSON(), nullable=True))
    op.create_index("jobs_by_bulk", "jobs", ["bulk"])
    op.create_index("edits_by_owner", "edits", ["owner", "made_at"])
