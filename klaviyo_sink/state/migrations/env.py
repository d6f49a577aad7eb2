"""Alembic's entry point: runs the migrations on the given connection, inside its transaction."""

from alembic import context

from klaviyo_sink.state.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="hangtag_sink_version",
)
with context.begin_transaction():
    context.run_migrations()
