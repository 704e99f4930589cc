"""Medicine flows

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0645
Revises: 2026_11_22_0642
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant, platform_id, sealed

revision = '2026_11_22_0645'
down_revision = '2026_11_22_0642'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('medicine_flow',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('kind', sa.String(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('account_id', big(), nullable=False),
    sa.Column('reference', platform_id(64), nullable=False),
    sa.Column('care_team_id', big(), nullable=False),
    sa.Column('state', sa.String(32), nullable=False),
    sa.Column('content_sealed', sealed(), nullable=False),
    sa.Column('document_id', big(), nullable=True),
    sa.Column('declined_for', sa.String(32), nullable=True),
    sa.Column('cancel_asked_at', instant(), nullable=True),
    sa.Column('lapses_at', instant(), nullable=True),
    sa.Column('changed_at', instant(), nullable=False),
    sa.Column('created_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['wechat_account.id'], name=op.f('fk_medicine_flow_account_id')),
    sa.ForeignKeyConstraint(['care_team_id'], ['care_team.id'], name=op.f('fk_medicine_flow_care_team_id')),
    sa.ForeignKeyConstraint(['document_id'], ['outbound_document.id'], name=op.f('fk_medicine_flow_document_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_medicine_flow_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_medicine_flow')),
    sa.UniqueConstraint('account_id', 'reference', name=op.f('uq_medicine_flow_account_id_reference')),
    sa.UniqueConstraint('public_id', name=op.f('uq_medicine_flow_public_id'))
    )
    with op.batch_alter_table('medicine_flow', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_medicine_flow_care_team_id_state_id'), ['care_team_id', 'state', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_medicine_flow_document_id'), ['document_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_medicine_flow_patient_id_id'), ['patient_id', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_medicine_flow_state_lapses_at'), ['state', 'lapses_at'], unique=False)

    op.create_table('medicine_flow_step',
    sa.Column('id', big(), nullable=False),
    sa.Column('flow_id', big(), nullable=False),
    sa.Column('word', sa.String(32), nullable=False),
    sa.Column('state', sa.String(32), nullable=False),
    sa.Column('is_counted', sa.Boolean(), nullable=False),
    sa.Column('event_id', big(), nullable=True),
    sa.Column('at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['flow_id'], ['medicine_flow.id'], name=op.f('fk_medicine_flow_step_flow_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_medicine_flow_step')),
    sa.UniqueConstraint('flow_id', 'event_id', name=op.f('uq_medicine_flow_step_flow_id_event_id'))
    )


def downgrade() -> None:
    op.drop_table('medicine_flow_step')
    op.drop_table('medicine_flow')
