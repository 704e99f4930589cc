"""Photos that patients send

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0642
Revises: 2026_11_22_0641
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, digest, instant, platform_id, sealed

revision = '2026_11_22_0642'
down_revision = '2026_11_22_0641'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('photo',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('task_id', big(), nullable=True),
    sa.Column('subject', sa.String(32), nullable=False),
    sa.Column('reporter', sa.String(32), nullable=False),
    sa.Column('account_id', big(), nullable=True),
    sa.Column('reference', digest(), nullable=False),
    sa.Column('original', digest(), nullable=False),
    sa.Column('content_sealed', sealed(), nullable=False),
    sa.Column('width', sa.Integer(), nullable=False),
    sa.Column('height', sa.Integer(), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('taken_at', instant(), nullable=False),
    sa.Column('received_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['wechat_account.id'], name=op.f('fk_photo_account_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_photo_patient_id')),
    sa.ForeignKeyConstraint(['task_id'], ['task.id'], name=op.f('fk_photo_task_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_photo')),
    sa.UniqueConstraint('public_id', name=op.f('uq_photo_public_id')),
    sa.UniqueConstraint('reference', name=op.f('uq_photo_reference'))
    )
    with op.batch_alter_table('photo', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_photo_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_photo_patient_id_received_at'), ['patient_id', 'received_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_photo_task_id'), ['task_id'], unique=False)


def downgrade() -> None:
    op.drop_table('photo')
