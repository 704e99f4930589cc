"""Tags that know what the hospital wrote over a pack, and words of people that stay

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0550
Revises: 2026_11_22_0530
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant

revision = '2026_11_22_0550'
down_revision = '2026_11_22_0530'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('tag', schema=None) as batch_op:
        batch_op.add_column(sa.Column('own_fields', sa.JSON(), nullable=False, server_default=sa.text("('[]')")))
        batch_op.add_column(sa.Column('stamp', big(), nullable=False, server_default='0'))
        batch_op.create_index(batch_op.f('ix_tag_stamp'), ['stamp'], unique=False)
    with op.batch_alter_table('tag_decision', schema=None) as batch_op:
        batch_op.add_column(sa.Column('is_live', sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column('before', sa.JSON(), nullable=False, server_default=sa.text("('{}')")))
        batch_op.add_column(sa.Column('undone_at', instant(), nullable=True))
        batch_op.alter_column('is_borne', existing_type=sa.Boolean(), nullable=True)
        batch_op.create_unique_constraint(batch_op.f('uq_tag_decision_patient_id_tag_id_is_live'), ['patient_id', 'tag_id', 'is_live'])
    with op.batch_alter_table('tag_decision', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('uq_tag_decision_patient_id_tag_id'), type_='unique')


def downgrade() -> None:
    with op.batch_alter_table('tag_decision', schema=None) as batch_op:
        batch_op.create_unique_constraint(batch_op.f('uq_tag_decision_patient_id_tag_id'), ['patient_id', 'tag_id'])
    with op.batch_alter_table('tag_decision', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('uq_tag_decision_patient_id_tag_id_is_live'), type_='unique')
        batch_op.alter_column('is_borne', existing_type=sa.Boolean(), nullable=False)
        batch_op.drop_column('undone_at')
        batch_op.drop_column('before')
        batch_op.drop_column('is_live')
    with op.batch_alter_table('tag', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_tag_stamp'))
        batch_op.drop_column('stamp')
        batch_op.drop_column('own_fields')
