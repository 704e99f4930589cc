"""Alerts of critical results, which no rule fired

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0351
Revises: 2026_11_22_0350
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, platform_id, text

revision = '2026_11_22_0351'
down_revision = '2026_11_22_0350'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('alert', schema=None) as batch_op:
        batch_op.add_column(sa.Column('title', text(255), nullable=True))
        batch_op.add_column(sa.Column('basis', text(255), nullable=True))
        batch_op.add_column(sa.Column('code', platform_id(64), nullable=True))
        batch_op.add_column(sa.Column('tells_patient', sa.Boolean(), nullable=False, server_default=sa.true()))
        batch_op.alter_column('rule_id', existing_type=big(), nullable=True)


def downgrade() -> None:
    # The release before knows alerts of rules only.
    ours = '(SELECT id FROM alert WHERE rule_id IS NULL)'
    op.execute(f'DELETE FROM alert_step WHERE alert_id IN {ours}')
    op.execute(f'UPDATE task SET alert_id = NULL WHERE alert_id IN {ours}')
    op.execute(f'UPDATE communication SET alert_id = NULL WHERE alert_id IN {ours}')
    op.execute('DELETE FROM alert WHERE rule_id IS NULL')
    with op.batch_alter_table('alert', schema=None) as batch_op:
        batch_op.alter_column('rule_id', existing_type=big(), nullable=False)
        batch_op.drop_column('tells_patient')
        batch_op.drop_column('code')
        batch_op.drop_column('basis')
        batch_op.drop_column('title')
