"""Who brought a home measurement, by which device, and why it is doubted

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0641
Revises: 2026_11_22_0640
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big

revision = '2026_11_22_0641'
down_revision = '2026_11_22_0640'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('observation', schema=None) as batch_op:
        batch_op.add_column(sa.Column('reporter', sa.String(32), nullable=True))
        batch_op.add_column(sa.Column('device_id', big(), nullable=True))
        batch_op.add_column(sa.Column('doubt', sa.String(32), nullable=True))
        batch_op.add_column(sa.Column('clock_offset', sa.Integer(), nullable=True))
        batch_op.create_index(batch_op.f('ix_observation_device_id'), ['device_id'], unique=False)
        batch_op.create_foreign_key(batch_op.f('fk_observation_device_id'), 'device', ['device_id'], ['id'])


def downgrade() -> None:
    with op.batch_alter_table('observation', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_observation_device_id'), type_='foreignkey')
        batch_op.drop_index(batch_op.f('ix_observation_device_id'))
        batch_op.drop_column('clock_offset')
        batch_op.drop_column('doubt')
        batch_op.drop_column('device_id')
        batch_op.drop_column('reporter')
