"""Devices that measure at home, and who held each when

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0640
Revises: 2026_11_22_0633
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, digest, instant, platform_id, sealed, text

revision = '2026_11_22_0640'
down_revision = '2026_11_22_0633'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('device',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('vendor', platform_id(32), nullable=False),
    sa.Column('serial_sealed', sealed(), nullable=False),
    sa.Column('serial_index', digest(), nullable=False),
    sa.Column('kind', sa.String(32), nullable=False),
    sa.Column('manufacturer', text(255), nullable=True),
    sa.Column('model', text(255), nullable=True),
    sa.Column('created_at', instant(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_device')),
    sa.UniqueConstraint('public_id', name=op.f('uq_device_public_id')),
    sa.UniqueConstraint('vendor', 'serial_index', name=op.f('uq_device_vendor_serial_index'))
    )
    op.create_table('device_holding',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('device_id', big(), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('bound_by', sa.String(32), nullable=False),
    sa.Column('account_id', big(), nullable=True),
    sa.Column('practitioner_id', big(), nullable=True),
    sa.Column('is_live', sa.Boolean(), nullable=True),
    sa.Column('starts_at', instant(), nullable=False),
    sa.Column('ends_at', instant(), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['wechat_account.id'], name=op.f('fk_device_holding_account_id')),
    sa.ForeignKeyConstraint(['device_id'], ['device.id'], name=op.f('fk_device_holding_device_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_device_holding_patient_id')),
    sa.ForeignKeyConstraint(['practitioner_id'], ['practitioner.id'], name=op.f('fk_device_holding_practitioner_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_device_holding')),
    sa.UniqueConstraint('device_id', 'is_live', name=op.f('uq_device_holding_device_id_is_live')),
    sa.UniqueConstraint('public_id', name=op.f('uq_device_holding_public_id'))
    )
    with op.batch_alter_table('device_holding', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_device_holding_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_device_holding_device_id_starts_at'), ['device_id', 'starts_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_device_holding_patient_id_starts_at'), ['patient_id', 'starts_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_device_holding_practitioner_id'), ['practitioner_id'], unique=False)


def downgrade() -> None:
    op.drop_table('device_holding')
    op.drop_table('device')
