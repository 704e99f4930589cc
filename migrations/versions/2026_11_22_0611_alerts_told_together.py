"""Alerts of one patient told by one card

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0611
Revises: 2026_11_22_0610
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big

revision = '2026_11_22_0611'
down_revision = '2026_11_22_0610'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('alert', schema=None) as batch_op:
        batch_op.add_column(sa.Column('told_with_id', big(), nullable=True))
        batch_op.create_foreign_key(batch_op.f('fk_alert_told_with_id'), 'alert', ['told_with_id'], ['id'])
        batch_op.create_index(batch_op.f('ix_alert_told_with_id'), ['told_with_id'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('alert', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_alert_told_with_id'), type_='foreignkey')
        batch_op.drop_index(batch_op.f('ix_alert_told_with_id'))
        batch_op.drop_column('told_with_id')
