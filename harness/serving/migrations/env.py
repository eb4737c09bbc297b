"""What Alembic runs: the steps, in the transaction of whoever asked for them."""

from alembic import context

from editproof.harness.serving.database import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
)
context.run_migrations()
