"""Critical limits, and the services that abnormal results call for

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0350
Revises: 2026_11_22_0342
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant, platform_id, text

revision = '2026_11_22_0350'
down_revision = '2026_11_22_0342'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('department_limit',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('department_code', text(255), nullable=False),
    sa.Column('code', platform_id(64), nullable=False),
    sa.Column('unit', text(255), nullable=False),
    sa.Column('sex', sa.String(32), nullable=True),
    sa.Column('age_from_days', sa.Integer(), nullable=False),
    sa.Column('age_until_days', sa.Integer(), nullable=True),
    sa.Column('critical_low', sa.Numeric(precision=18, scale=6), nullable=True),
    sa.Column('critical_high', sa.Numeric(precision=18, scale=6), nullable=True),
    sa.Column('delta_percent', sa.Numeric(precision=18, scale=6), nullable=True),
    sa.Column('delta_within_days', sa.Integer(), nullable=False),
    sa.Column('unless_conditions', sa.JSON(), nullable=False),
    sa.Column('only_first', sa.Boolean(), nullable=False),
    sa.Column('tells_patient', sa.Boolean(), nullable=False),
    sa.Column('approved_by', text(255), nullable=False),
    sa.Column('starts_at', instant(), nullable=False),
    sa.Column('ends_at', instant(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_department_limit')),
    sa.UniqueConstraint('public_id', name=op.f('uq_department_limit_public_id'))
    )
    op.create_index(op.f('ix_department_limit_code_department_code_ends_at'), 'department_limit', ['code', 'department_code', 'ends_at'], unique=False)
    op.create_table('result_service',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('department_code', text(255), nullable=False),
    sa.Column('code', platform_id(64), nullable=False),
    sa.Column('flags', sa.JSON(), nullable=False),
    sa.Column('kind', sa.String(32), nullable=False),
    sa.Column('subject', platform_id(64), nullable=True),
    sa.Column('text', text(255), nullable=False),
    sa.Column('due_within_days', sa.Integer(), nullable=False),
    sa.Column('approved_by', text(255), nullable=False),
    sa.Column('starts_at', instant(), nullable=False),
    sa.Column('ends_at', instant(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_result_service')),
    sa.UniqueConstraint('public_id', name=op.f('uq_result_service_public_id'))
    )
    op.create_index(op.f('ix_result_service_code_department_code_ends_at'), 'result_service', ['code', 'department_code', 'ends_at'], unique=False)


def downgrade() -> None:
    op.drop_table('result_service')
    op.drop_table('department_limit')
