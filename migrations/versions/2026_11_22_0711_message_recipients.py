"""What became of a shared message for each of those it was for

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0711
Revises: 2026_11_22_0710
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant, platform_id, text

revision = '2026_11_22_0711'
down_revision = '2026_11_22_0710'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('communication_recipient',
    sa.Column('id', big(), nullable=False),
    sa.Column('communication_id', big(), nullable=False),
    sa.Column('recipient', platform_id(64), nullable=False),
    sa.Column('state', sa.String(32), nullable=False),
    sa.Column('reason', text(255), nullable=True),
    sa.Column('at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['communication_id'], ['communication.id'], name=op.f('fk_communication_recipient_communication_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_communication_recipient')),
    sa.UniqueConstraint('communication_id', 'recipient', name=op.f('uq_communication_recipient_communication_id_recipient'))
    )


def downgrade() -> None:
    op.drop_table('communication_recipient')
