"""Merges, links and doubts about who is who

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0332
Revises: 2026_11_22_0331
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant, platform_id, text

revision = '2026_11_22_0332'
down_revision = '2026_11_22_0331'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('match_candidate',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('other_id', big(), nullable=False),
    sa.Column('score', sa.Integer(), nullable=False),
    sa.Column('reasons', sa.JSON(), nullable=False),
    sa.Column('status', sa.String(32), nullable=False),
    sa.Column('inbound_id', big(), nullable=True),
    sa.Column('practitioner_id', big(), nullable=True),
    sa.Column('found_at', instant(), nullable=False),
    sa.Column('decided_at', instant(), nullable=True),
    sa.ForeignKeyConstraint(['other_id'], ['patient.id'], name=op.f('fk_match_candidate_other_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_match_candidate_patient_id')),
    sa.ForeignKeyConstraint(['practitioner_id'], ['practitioner.id'], name=op.f('fk_match_candidate_practitioner_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_match_candidate')),
    sa.UniqueConstraint('patient_id', 'other_id', name=op.f('uq_match_candidate_patient_id_other_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_match_candidate_public_id'))
    )
    op.create_index(op.f('ix_match_candidate_other_id'), 'match_candidate', ['other_id'], unique=False)
    op.create_index(op.f('ix_match_candidate_status_score'), 'match_candidate', ['status', 'score'], unique=False)
    op.create_table('record_link',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('other_id', big(), nullable=False),
    sa.Column('kind', sa.String(32), nullable=False),
    sa.Column('is_live', sa.Boolean(), nullable=False),
    sa.Column('version', text(255), nullable=False),
    sa.Column('inbound_id', big(), nullable=True),
    sa.Column('practitioner_id', big(), nullable=True),
    sa.Column('reason', text(255), nullable=True),
    sa.Column('at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['other_id'], ['patient.id'], name=op.f('fk_record_link_other_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_record_link_patient_id')),
    sa.ForeignKeyConstraint(['practitioner_id'], ['practitioner.id'], name=op.f('fk_record_link_practitioner_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_record_link')),
    sa.UniqueConstraint('patient_id', 'other_id', 'kind', name=op.f('uq_record_link_patient_id_other_id_kind')),
    sa.UniqueConstraint('public_id', name=op.f('uq_record_link_public_id'))
    )
    op.create_index(op.f('ix_record_link_other_id_is_live'), 'record_link', ['other_id', 'is_live'], unique=False)
    op.create_table('record_move',
    sa.Column('id', big(), nullable=False),
    sa.Column('link_id', big(), nullable=False),
    sa.Column('table_name', platform_id(64), nullable=False),
    sa.Column('row_id', big(), nullable=False),
    sa.Column('before', sa.JSON(), nullable=False),
    sa.Column('at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['link_id'], ['record_link.id'], name=op.f('fk_record_move_link_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_record_move')),
    sa.UniqueConstraint('link_id', 'table_name', 'row_id', name=op.f('uq_record_move_link_id_table_name_row_id'))
    )
    op.create_index(op.f('ix_record_move_table_name_row_id'), 'record_move', ['table_name', 'row_id'], unique=False)


def downgrade() -> None:
    op.drop_table('record_move')
    op.drop_table('record_link')
    op.drop_table('match_candidate')
