"""What a tag rests on, who said so, and what waits for a person

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0512
Revises: 2026_11_22_0511
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant, platform_id, sealed, text

revision = '2026_11_22_0512'
down_revision = '2026_11_22_0511'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('tag_assignment', schema=None) as batch_op:
        batch_op.add_column(sa.Column('basis', platform_id(96), nullable=True))
        batch_op.add_column(sa.Column('evidence_of', sa.JSON(), nullable=False, server_default=sa.text("('[]')")))
        batch_op.add_column(sa.Column('practitioner_id', big(), nullable=True))
        batch_op.create_index(batch_op.f('ix_tag_assignment_practitioner_id'), ['practitioner_id'], unique=False)
        batch_op.create_foreign_key(batch_op.f('fk_tag_assignment_practitioner_id'), 'practitioner', ['practitioner_id'], ['id'])

    op.create_table('tag_decision',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('tag_id', big(), nullable=False),
    sa.Column('is_borne', sa.Boolean(), nullable=False),
    sa.Column('practitioner_id', big(), nullable=True),
    sa.Column('reason_sealed', sealed(), nullable=True),
    sa.Column('at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_tag_decision_patient_id')),
    sa.ForeignKeyConstraint(['practitioner_id'], ['practitioner.id'], name=op.f('fk_tag_decision_practitioner_id')),
    sa.ForeignKeyConstraint(['tag_id'], ['tag.id'], name=op.f('fk_tag_decision_tag_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tag_decision')),
    sa.UniqueConstraint('patient_id', 'tag_id', name=op.f('uq_tag_decision_patient_id_tag_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_tag_decision_public_id'))
    )

    with op.batch_alter_table('tag_decision', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_tag_decision_practitioner_id'), ['practitioner_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_tag_decision_tag_id'), ['tag_id'], unique=False)

    op.create_table('tag_proposal',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('tag_id', big(), nullable=False),
    sa.Column('is_open', sa.Boolean(), nullable=True),
    sa.Column('status', sa.String(32), nullable=False),
    sa.Column('source', sa.String(32), nullable=False),
    sa.Column('basis', platform_id(96), nullable=True),
    sa.Column('evidence_sealed', sealed(), nullable=True),
    sa.Column('evidence_of', sa.JSON(), nullable=False),
    sa.Column('confidence', sa.Numeric(precision=18, scale=6), nullable=False),
    sa.Column('proposed_at', instant(), nullable=False),
    sa.Column('practitioner_id', big(), nullable=True),
    sa.Column('decided_at', instant(), nullable=True),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_tag_proposal_patient_id')),
    sa.ForeignKeyConstraint(['practitioner_id'], ['practitioner.id'], name=op.f('fk_tag_proposal_practitioner_id')),
    sa.ForeignKeyConstraint(['tag_id'], ['tag.id'], name=op.f('fk_tag_proposal_tag_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tag_proposal')),
    sa.UniqueConstraint('patient_id', 'tag_id', 'is_open', name=op.f('uq_tag_proposal_patient_id_tag_id_is_open')),
    sa.UniqueConstraint('public_id', name=op.f('uq_tag_proposal_public_id'))
    )

    with op.batch_alter_table('tag_proposal', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_tag_proposal_practitioner_id'), ['practitioner_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_tag_proposal_status_proposed_at'), ['status', 'proposed_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_tag_proposal_tag_id_is_open'), ['tag_id', 'is_open'], unique=False)


def downgrade() -> None:
    op.drop_table('tag_proposal')
    op.drop_table('tag_decision')
    with op.batch_alter_table('tag_assignment', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_tag_assignment_practitioner_id'), type_='foreignkey')
        batch_op.drop_index(batch_op.f('ix_tag_assignment_practitioner_id'))
        batch_op.drop_column('practitioner_id')
        batch_op.drop_column('evidence_of')
        batch_op.drop_column('basis')
