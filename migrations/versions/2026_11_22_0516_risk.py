"""Assessments of risk, and models trained here

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0516
Revises: 2026_11_22_0515
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant, platform_id

revision = '2026_11_22_0516'
down_revision = '2026_11_22_0515'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('trained_model',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('kind', sa.String(32), nullable=False),
    sa.Column('key', platform_id(64), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('weights', sa.JSON(), nullable=False),
    sa.Column('report', sa.JSON(), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=True),
    sa.Column('trained_at', instant(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_trained_model')),
    sa.UniqueConstraint('kind', 'key', 'is_active', name=op.f('uq_trained_model_kind_key_is_active')),
    sa.UniqueConstraint('kind', 'key', 'version', name=op.f('uq_trained_model_kind_key_version')),
    sa.UniqueConstraint('public_id', name=op.f('uq_trained_model_public_id'))
    )

    op.create_table('risk_assessment',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('score', platform_id(64), nullable=False),
    sa.Column('version', platform_id(64), nullable=False),
    sa.Column('value', sa.Numeric(precision=18, scale=6), nullable=True),
    sa.Column('band', platform_id(32), nullable=True),
    sa.Column('inputs', sa.JSON(), nullable=False),
    sa.Column('missing', sa.JSON(), nullable=False),
    sa.Column('is_current', sa.Boolean(), nullable=True),
    sa.Column('computed_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_risk_assessment_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_risk_assessment')),
    sa.UniqueConstraint('patient_id', 'score', 'is_current', name=op.f('uq_risk_assessment_patient_id_score_is_current')),
    sa.UniqueConstraint('public_id', name=op.f('uq_risk_assessment_public_id'))
    )

    with op.batch_alter_table('risk_assessment', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_risk_assessment_score_is_current_band'), ['score', 'is_current', 'band'], unique=False)


def downgrade() -> None:
    op.drop_table('risk_assessment')
    op.drop_table('trained_model')
