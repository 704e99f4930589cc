"""An index by which the outbox is read lane by lane and route by route

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0700
Revises: 2026_11_22_0655
"""

from alembic import op

revision = '2026_11_22_0700'
down_revision = '2026_11_22_0655'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The new ones first: a foreign key always keeps an index to stand on.
    with op.batch_alter_table('communication', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_communication_state_lane_channel_app_key_due_at'), ['state', 'lane', 'channel', 'app_key', 'due_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_communication_account_id_channel_id'), ['account_id', 'channel', 'id'], unique=False)
    with op.batch_alter_table('communication', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_communication_state_lane_due_at'))
        batch_op.drop_index(batch_op.f('ix_communication_account_id_template_id_state'))


def downgrade() -> None:
    with op.batch_alter_table('communication', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_communication_account_id_template_id_state'), ['account_id', 'template_id', 'state'], unique=False)
        batch_op.create_index(batch_op.f('ix_communication_state_lane_due_at'), ['state', 'lane', 'due_at'], unique=False)
    with op.batch_alter_table('communication', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_communication_account_id_channel_id'))
        batch_op.drop_index(batch_op.f('ix_communication_state_lane_channel_app_key_due_at'))
