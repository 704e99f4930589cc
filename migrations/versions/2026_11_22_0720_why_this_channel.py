"""Why a message went by its channel, when the next follows, and what it is about

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0720
Revises: 2026_11_22_0711
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant

revision = '2026_11_22_0720'
down_revision = '2026_11_22_0711'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('communication', schema=None) as batch_op:
        batch_op.add_column(sa.Column('appointment_id', big(), nullable=True))
        batch_op.add_column(sa.Column('encounter_id', big(), nullable=True))
        batch_op.add_column(sa.Column('purpose', sa.String(32), nullable=True))
        batch_op.add_column(sa.Column('chosen', sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column('falls_at', instant(), nullable=True))
        batch_op.create_index(batch_op.f('ix_communication_appointment_id'), ['appointment_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_communication_encounter_id'), ['encounter_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_communication_state_falls_at'), ['state', 'falls_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_communication_link_id_first_called_at'), ['link_id', 'first_called_at'], unique=False)
        batch_op.create_foreign_key(batch_op.f('fk_communication_appointment_id'), 'appointment', ['appointment_id'], ['id'])
        batch_op.create_foreign_key(batch_op.f('fk_communication_encounter_id'), 'encounter', ['encounter_id'], ['id'])


def downgrade() -> None:
    with op.batch_alter_table('communication', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_communication_encounter_id'), type_='foreignkey')
        batch_op.drop_constraint(batch_op.f('fk_communication_appointment_id'), type_='foreignkey')
        # MySQL wants an index for the foreign key of `link_id`.
        batch_op.create_index(batch_op.f('fk_communication_link_id'), ['link_id'], unique=False)
        batch_op.drop_index(batch_op.f('ix_communication_link_id_first_called_at'))
        batch_op.drop_index(batch_op.f('ix_communication_state_falls_at'))
        batch_op.drop_index(batch_op.f('ix_communication_encounter_id'))
        batch_op.drop_index(batch_op.f('ix_communication_appointment_id'))
        batch_op.drop_column('falls_at')
        batch_op.drop_column('chosen')
        batch_op.drop_column('purpose')
        batch_op.drop_column('encounter_id')
        batch_op.drop_column('appointment_id')
