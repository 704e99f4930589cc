"""Switches that silence rules and packs

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0615
Revises: 2026_11_22_0614
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant, platform_id, sealed

revision = '2026_11_22_0615'
down_revision = '2026_11_22_0614'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('rule_switch',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('scope', sa.String(32), nullable=False),
    sa.Column('key', platform_id(64), nullable=False),
    sa.Column('is_off', sa.Boolean(), nullable=True),
    sa.Column('reason_sealed', sealed(), nullable=False),
    sa.Column('off_by_id', big(), nullable=True),
    sa.Column('off_at', instant(), nullable=False),
    sa.Column('on_at', instant(), nullable=True),
    sa.ForeignKeyConstraint(['off_by_id'], ['practitioner.id'], name=op.f('fk_rule_switch_off_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rule_switch')),
    sa.UniqueConstraint('public_id', name=op.f('uq_rule_switch_public_id')),
    sa.UniqueConstraint('scope', 'key', 'is_off', name=op.f('uq_rule_switch_scope_key_is_off'))
    )
    with op.batch_alter_table('rule_switch', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_rule_switch_off_by_id'), ['off_by_id'], unique=False)


def downgrade() -> None:
    op.drop_table('rule_switch')
