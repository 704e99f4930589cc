"""What patients do with what we offer, how they live and what they prefer

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0515
Revises: 2026_11_22_0514
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant, platform_id, sealed, text

revision = '2026_11_22_0515'
down_revision = '2026_11_22_0514'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('interaction',
    sa.Column('id', big(), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('account_id', big(), nullable=True),
    sa.Column('kind', sa.String(32), nullable=False),
    sa.Column('subject', platform_id(64), nullable=True),
    sa.Column('reference', platform_id(64), nullable=False),
    sa.Column('seconds', sa.Integer(), nullable=True),
    sa.Column('is_useful', sa.Boolean(), nullable=True),
    sa.Column('at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['wechat_account.id'], name=op.f('fk_interaction_account_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_interaction_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_interaction')),
    sa.UniqueConstraint('patient_id', 'reference', name=op.f('uq_interaction_patient_id_reference'))
    )

    with op.batch_alter_table('interaction', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_interaction_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_interaction_kind_at'), ['kind', 'at'], unique=False)
        batch_op.create_index(batch_op.f('ix_interaction_patient_id_at'), ['patient_id', 'at'], unique=False)

    op.create_table('preference',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('kind', sa.String(32), nullable=False),
    sa.Column('value', text(64), nullable=False),
    sa.Column('is_stated', sa.Boolean(), nullable=False),
    sa.Column('is_denied', sa.Boolean(), nullable=False),
    sa.Column('share', sa.Numeric(precision=18, scale=6), nullable=False),
    sa.Column('evidence', sa.JSON(), nullable=False),
    sa.Column('updated_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_preference_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_preference')),
    sa.UniqueConstraint('patient_id', 'kind', 'value', name=op.f('uq_preference_patient_id_kind_value')),
    sa.UniqueConstraint('public_id', name=op.f('uq_preference_public_id'))
    )

    with op.batch_alter_table('preference', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_preference_kind_value'), ['kind', 'value'], unique=False)

    op.create_table('social_history',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('code', platform_id(64), nullable=False),
    sa.Column('value', platform_id(64), nullable=False),
    sa.Column('note_sealed', sealed(), nullable=True),
    sa.Column('stated_by', sa.String(32), nullable=False),
    sa.Column('is_current', sa.Boolean(), nullable=True),
    sa.Column('at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_social_history_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_social_history')),
    sa.UniqueConstraint('patient_id', 'code', 'is_current', name=op.f('uq_social_history_patient_id_code_is_current')),
    sa.UniqueConstraint('public_id', name=op.f('uq_social_history_public_id'))
    )


def downgrade() -> None:
    op.drop_table('social_history')
    op.drop_table('preference')
    op.drop_table('interaction')
