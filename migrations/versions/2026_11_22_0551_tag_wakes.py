"""When time may change a patient's tags, and how far a pass over all patients got

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0551
Revises: 2026_11_22_0550
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant

revision = '2026_11_22_0551'
down_revision = '2026_11_22_0550'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('tag_wake',
    sa.Column('id', big(), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('wake_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_tag_wake_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tag_wake')),
    sa.UniqueConstraint('patient_id', name=op.f('uq_tag_wake_patient_id'))
    )
    with op.batch_alter_table('tag_wake', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_tag_wake_wake_at'), ['wake_at'], unique=False)

    op.create_table('tag_rebuild',
    sa.Column('id', big(), nullable=False),
    sa.Column('library', big(), nullable=False),
    sa.Column('after_id', big(), nullable=False),
    sa.Column('patients', sa.Integer(), nullable=False),
    sa.Column('changed', sa.Integer(), nullable=False),
    sa.Column('started_at', instant(), nullable=False),
    sa.Column('finished_at', instant(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tag_rebuild'))
    )


def downgrade() -> None:
    op.drop_table('tag_rebuild')
    op.drop_table('tag_wake')
