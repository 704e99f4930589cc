"""Which questions about joining a plan the team has heard of

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0652
Revises: 2026_11_22_0651
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import instant

revision = '2026_11_22_0652'
down_revision = '2026_11_22_0651'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('enrolment_proposal', schema=None) as batch_op:
        batch_op.add_column(sa.Column('told_at', instant(), nullable=True))
        batch_op.create_index(
            batch_op.f('ix_enrolment_proposal_is_open_told_at'), ['is_open', 'told_at'], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table('enrolment_proposal', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_enrolment_proposal_is_open_told_at'))
        batch_op.drop_column('told_at')
