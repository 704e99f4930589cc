"""Segments and frozen audiences

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0517
Revises: 2026_11_22_0516
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, digest, instant, platform_id, text

revision = '2026_11_22_0517'
down_revision = '2026_11_22_0516'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('segment',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('name', text(255), nullable=False),
    sa.Column('tree', sa.JSON(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('scope', sa.String(32), nullable=False),
    sa.Column('care_team_id', big(), nullable=True),
    sa.Column('owner_id', big(), nullable=True),
    sa.Column('is_retired', sa.Boolean(), nullable=False),
    sa.Column('created_at', instant(), nullable=False),
    sa.Column('updated_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['care_team_id'], ['care_team.id'], name=op.f('fk_segment_care_team_id')),
    sa.ForeignKeyConstraint(['owner_id'], ['practitioner.id'], name=op.f('fk_segment_owner_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_segment')),
    sa.UniqueConstraint('name', name=op.f('uq_segment_name')),
    sa.UniqueConstraint('public_id', name=op.f('uq_segment_public_id'))
    )

    with op.batch_alter_table('segment', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_segment_care_team_id'), ['care_team_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_segment_owner_id'), ['owner_id'], unique=False)

    op.create_table('audience',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('segment_id', big(), nullable=True),
    sa.Column('tree', sa.JSON(), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('digest', digest(), nullable=False),
    sa.Column('taken_at', instant(), nullable=False),
    sa.Column('practitioner_id', big(), nullable=True),
    sa.ForeignKeyConstraint(['practitioner_id'], ['practitioner.id'], name=op.f('fk_audience_practitioner_id')),
    sa.ForeignKeyConstraint(['segment_id'], ['segment.id'], name=op.f('fk_audience_segment_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audience')),
    sa.UniqueConstraint('public_id', name=op.f('uq_audience_public_id'))
    )

    with op.batch_alter_table('audience', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_audience_practitioner_id'), ['practitioner_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_audience_segment_id'), ['segment_id'], unique=False)

    op.create_table('audience_chunk',
    sa.Column('id', big(), nullable=False),
    sa.Column('audience_id', big(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('patient_ids', sa.LargeBinary(length=65535), nullable=False),
    sa.ForeignKeyConstraint(['audience_id'], ['audience.id'], name=op.f('fk_audience_chunk_audience_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audience_chunk')),
    sa.UniqueConstraint('audience_id', 'number', name=op.f('uq_audience_chunk_audience_id_number'))
    )


def downgrade() -> None:
    op.drop_table('audience_chunk')
    op.drop_table('audience')
    op.drop_table('segment')
