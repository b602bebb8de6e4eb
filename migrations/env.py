"""How Alembic runs here: on the connection, and in the transaction, that bridge/ledger/schema.py hands over."""

from alembic import context

from bridge.ledger.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",  # SQLite alters a table by making a new one
)
with context.begin_transaction():
    context.run_migrations()
