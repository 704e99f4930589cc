"""The hospital's day of each interaction: a timeline shows one entry a day

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0581
Revises: 2026_11_22_0580
"""

import sqlalchemy as sa
from alembic import op

revision = '2026_11_22_0581'
down_revision = '2026_11_22_0580'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # No release has written an interaction yet: the table came with the revisions before.
    with op.batch_alter_table('interaction', schema=None) as batch_op:
        batch_op.add_column(sa.Column('day', sa.Date(), nullable=True))
    with op.batch_alter_table('interaction', schema=None) as batch_op:
        batch_op.alter_column('day', existing_type=sa.Date(), nullable=False)
        batch_op.create_index(
            batch_op.f('ix_interaction_patient_id_day'), ['patient_id', 'day'], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table('interaction', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_interaction_patient_id_day'))
        batch_op.drop_column('day')
