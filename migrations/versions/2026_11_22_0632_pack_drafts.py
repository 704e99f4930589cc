"""Packs being written, and running plans on their way to a new version

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0632
Revises: 2026_11_22_0631
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant, platform_id, text

revision = '2026_11_22_0632'
down_revision = '2026_11_22_0631'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('pack_draft',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('pack_key', platform_id(64), nullable=False),
    sa.Column('base_version', platform_id(32), nullable=False),
    sa.Column('content', sa.JSON(), nullable=False),
    sa.Column('status', sa.String(32), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('author_id', big(), nullable=False),
    sa.Column('editor_ids', sa.JSON(), nullable=False),
    sa.Column('approver_id', big(), nullable=True),
    sa.Column('returned_because', text(255), nullable=True),
    sa.Column('created_at', instant(), nullable=False),
    sa.Column('updated_at', instant(), nullable=False),
    sa.Column('approved_at', instant(), nullable=True),
    sa.Column('installed_at', instant(), nullable=True),
    sa.ForeignKeyConstraint(['approver_id'], ['practitioner.id'], name=op.f('fk_pack_draft_approver_id')),
    sa.ForeignKeyConstraint(['author_id'], ['practitioner.id'], name=op.f('fk_pack_draft_author_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pack_draft')),
    sa.UniqueConstraint('public_id', name=op.f('uq_pack_draft_public_id'))
    )
    with op.batch_alter_table('pack_draft', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_pack_draft_installed_at'), ['installed_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_pack_draft_status_pack_key'), ['status', 'pack_key'], unique=False)

    op.create_table('plan_migration',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('plan_key', platform_id(64), nullable=False),
    sa.Column('to_definition_id', big(), nullable=False),
    sa.Column('status', sa.String(32), nullable=False),
    sa.Column('position', big(), nullable=False),
    sa.Column('moved', sa.Integer(), nullable=False),
    sa.Column('practitioner_id', big(), nullable=False),
    sa.Column('created_at', instant(), nullable=False),
    sa.Column('updated_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['practitioner_id'], ['practitioner.id'], name=op.f('fk_plan_migration_practitioner_id')),
    sa.ForeignKeyConstraint(['to_definition_id'], ['plan_definition.id'], name=op.f('fk_plan_migration_to_definition_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_plan_migration')),
    sa.UniqueConstraint('public_id', name=op.f('uq_plan_migration_public_id'))
    )
    with op.batch_alter_table('plan_migration', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_plan_migration_status_id'), ['status', 'id'], unique=False)


def downgrade() -> None:
    op.drop_table('plan_migration')
    op.drop_table('pack_draft')
