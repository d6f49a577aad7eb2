"""Alembic's entry: runs the migrations on the connection, and inside the transaction, that it was handed."""

from alembic import context

from klaviyo_sink.state.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="hangtag_sink_version",
)
with context.begin_transaction():
    context.run_migrations()
