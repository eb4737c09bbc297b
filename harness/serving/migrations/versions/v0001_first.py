"""The tables of 0.2.0."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "keys",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("digest", sa.String(), nullable=False, unique=True),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
    )
    op.create_table(
        "holdings",
        sa.Column("owner", sa.String(), primary_key=True),
        sa.Column("picture", sa.String(), primary_key=True),
        sa.Column("used_at", sa.Double(), nullable=False),
    )
    op.create_table(
        "masks",
        sa.Column("owner", sa.String(), primary_key=True),
        sa.Column("image", sa.String(), primary_key=True),
        sa.Column("mask", sa.String(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
    )
    op.create_table(
        "edits",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("question", sa.JSON(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("image", sa.String(), nullable=True),
        sa.Column("found_mask", sa.String(), nullable=True),
        sa.Column("stages", sa.JSON(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("held_until", sa.Double(), nullable=False),
        sa.Column("question", sa.JSON(), nullable=False),
        sa.Column("edit", sa.String(), nullable=True),
        sa.Column("problem", sa.JSON(), nullable=True),
    )
    op.create_index("jobs_by_key", "jobs", ["owner", "idempotency_key"], unique=True)
    op.create_index("jobs_by_state", "jobs", ["state", "made_at"])
