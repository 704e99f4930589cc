"""What the words of each source mean

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0331
Revises: 2026_11_22_0330
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant, platform_id, text

revision = '2026_11_22_0331'
down_revision = '2026_11_22_0330'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('unmapped_term',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('source', platform_id(64), nullable=False),
    sa.Column('kind', sa.String(32), nullable=False),
    sa.Column('code', text(255), nullable=False),
    sa.Column('display', text(255), nullable=True),
    sa.Column('unit', text(255), nullable=True),
    sa.Column('uses', sa.Integer(), nullable=False),
    sa.Column('status', sa.String(32), nullable=False),
    sa.Column('first_seen_at', instant(), nullable=False),
    sa.Column('last_seen_at', instant(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_unmapped_term')),
    sa.UniqueConstraint('public_id', name=op.f('uq_unmapped_term_public_id')),
    sa.UniqueConstraint('source', 'kind', 'code', name=op.f('uq_unmapped_term_source_kind_code'))
    )
    op.create_index(op.f('ix_unmapped_term_status_uses'), 'unmapped_term', ['status', 'uses'], unique=False)
    op.create_table('concept_mapping',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('source', platform_id(64), nullable=False),
    sa.Column('kind', sa.String(32), nullable=False),
    sa.Column('code', text(255), nullable=False),
    sa.Column('display', text(255), nullable=True),
    sa.Column('target_system', text(255), nullable=False),
    sa.Column('target_code', text(255), nullable=False),
    sa.Column('target_display', text(255), nullable=True),
    sa.Column('starts_on', sa.Date(), nullable=False),
    sa.Column('ends_on', sa.Date(), nullable=True),
    sa.Column('practitioner_id', big(), nullable=True),
    sa.Column('decided_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['practitioner_id'], ['practitioner.id'], name=op.f('fk_concept_mapping_practitioner_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_concept_mapping')),
    sa.UniqueConstraint('public_id', name=op.f('uq_concept_mapping_public_id')),
    sa.UniqueConstraint('source', 'kind', 'code', 'starts_on', name=op.f('uq_concept_mapping_source_kind_code_starts_on'))
    )


def downgrade() -> None:
    op.drop_table('concept_mapping')
    op.drop_table('unmapped_term')
