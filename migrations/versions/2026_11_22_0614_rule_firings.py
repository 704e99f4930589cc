"""Firings of rules, with their reasons

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0614
Revises: 2026_11_22_0613
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant, platform_id, sealed

revision = '2026_11_22_0614'
down_revision = '2026_11_22_0613'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('rule_firing',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('rule_key', platform_id(64), nullable=False),
    sa.Column('rule_version', sa.Integer(), nullable=False),
    sa.Column('deed', sa.String(32), nullable=False),
    sa.Column('alert_id', big(), nullable=True),
    sa.Column('observation_id', big(), nullable=True),
    sa.Column('explanation_sealed', sealed(), nullable=True),
    sa.Column('judged_at', instant(), nullable=False),
    sa.Column('fired_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['alert_id'], ['alert.id'], name=op.f('fk_rule_firing_alert_id')),
    sa.ForeignKeyConstraint(['observation_id'], ['observation.id'], name=op.f('fk_rule_firing_observation_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_rule_firing_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rule_firing')),
    sa.UniqueConstraint('public_id', name=op.f('uq_rule_firing_public_id'))
    )
    with op.batch_alter_table('rule_firing', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_rule_firing_alert_id'), ['alert_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_rule_firing_observation_id'), ['observation_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_rule_firing_patient_id_rule_key_fired_at'), ['patient_id', 'rule_key', 'fired_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_rule_firing_rule_key_fired_at'), ['rule_key', 'fired_at'], unique=False)


def downgrade() -> None:
    op.drop_table('rule_firing')
