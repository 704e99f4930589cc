"""Ways into a plan, proposals, and the history of each plan

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0630
Revises: 2026_11_22_0581
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant, platform_id, sealed, text

revision = '2026_11_22_0630'
down_revision = '2026_11_22_0621'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('enrolment_policy',
    sa.Column('id', big(), nullable=False),
    sa.Column('plan_key', platform_id(64), nullable=False),
    sa.Column('entry', sa.String(32), nullable=False),
    sa.Column('re_entry', sa.String(32), nullable=False),
    sa.Column('re_entry_days', sa.Integer(), nullable=False),
    sa.Column('is_open_to_requests', sa.Boolean(), nullable=False),
    sa.Column('practitioner_id', big(), nullable=True),
    sa.Column('updated_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['practitioner_id'], ['practitioner.id'], name=op.f('fk_enrolment_policy_practitioner_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_enrolment_policy')),
    sa.UniqueConstraint('plan_key', name=op.f('uq_enrolment_policy_plan_key'))
    )
    op.create_table('enrolment_way',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('plan_key', platform_id(64), nullable=False),
    sa.Column('kind', sa.String(32), nullable=False),
    sa.Column('is_automatic', sa.Boolean(), nullable=False),
    sa.Column('segment_id', big(), nullable=True),
    sa.Column('state', platform_id(32), nullable=True),
    sa.Column('config_id', platform_id(64), nullable=True),
    sa.Column('care_team_id', big(), nullable=True),
    sa.Column('is_open', sa.Boolean(), nullable=True),
    sa.Column('practitioner_id', big(), nullable=True),
    sa.Column('created_at', instant(), nullable=False),
    sa.Column('closed_at', instant(), nullable=True),
    sa.ForeignKeyConstraint(['care_team_id'], ['care_team.id'], name=op.f('fk_enrolment_way_care_team_id')),
    sa.ForeignKeyConstraint(['practitioner_id'], ['practitioner.id'], name=op.f('fk_enrolment_way_practitioner_id')),
    sa.ForeignKeyConstraint(['segment_id'], ['segment.id'], name=op.f('fk_enrolment_way_segment_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_enrolment_way')),
    sa.UniqueConstraint('plan_key', 'segment_id', 'is_open', name=op.f('uq_enrolment_way_plan_key_segment_id_is_open')),
    sa.UniqueConstraint('public_id', name=op.f('uq_enrolment_way_public_id')),
    sa.UniqueConstraint('state', name=op.f('uq_enrolment_way_state'))
    )
    with op.batch_alter_table('enrolment_way', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_enrolment_way_care_team_id'), ['care_team_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_enrolment_way_segment_id'), ['segment_id'], unique=False)

    op.create_table('care_plan_step',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('care_plan_id', big(), nullable=False),
    sa.Column('kind', sa.String(32), nullable=False),
    sa.Column('reason', text(255), nullable=True),
    sa.Column('note_sealed', sealed(), nullable=True),
    sa.Column('detail', sa.JSON(), nullable=False),
    sa.Column('practitioner_id', big(), nullable=True),
    sa.Column('account_id', big(), nullable=True),
    sa.Column('at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['wechat_account.id'], name=op.f('fk_care_plan_step_account_id')),
    sa.ForeignKeyConstraint(['care_plan_id'], ['care_plan.id'], name=op.f('fk_care_plan_step_care_plan_id')),
    sa.ForeignKeyConstraint(['practitioner_id'], ['practitioner.id'], name=op.f('fk_care_plan_step_practitioner_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_care_plan_step')),
    sa.UniqueConstraint('public_id', name=op.f('uq_care_plan_step_public_id'))
    )
    with op.batch_alter_table('care_plan_step', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_care_plan_step_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_care_plan_step_care_plan_id_id'), ['care_plan_id', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_care_plan_step_practitioner_id'), ['practitioner_id'], unique=False)

    op.create_table('enrolment_proposal',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('plan_key', platform_id(64), nullable=False),
    sa.Column('care_team_id', big(), nullable=False),
    sa.Column('kind', sa.String(32), nullable=False),
    sa.Column('way_id', big(), nullable=True),
    sa.Column('account_id', big(), nullable=True),
    sa.Column('anchor_on', sa.Date(), nullable=True),
    sa.Column('encounter_id', big(), nullable=True),
    sa.Column('reason_sealed', sealed(), nullable=False),
    sa.Column('status', sa.String(32), nullable=False),
    sa.Column('is_open', sa.Boolean(), nullable=True),
    sa.Column('proposed_at', instant(), nullable=False),
    sa.Column('decided_at', instant(), nullable=True),
    sa.Column('practitioner_id', big(), nullable=True),
    sa.Column('declined_because', sa.String(32), nullable=True),
    sa.Column('note_sealed', sealed(), nullable=True),
    sa.Column('care_plan_id', big(), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['wechat_account.id'], name=op.f('fk_enrolment_proposal_account_id')),
    sa.ForeignKeyConstraint(['care_plan_id'], ['care_plan.id'], name=op.f('fk_enrolment_proposal_care_plan_id')),
    sa.ForeignKeyConstraint(['care_team_id'], ['care_team.id'], name=op.f('fk_enrolment_proposal_care_team_id')),
    sa.ForeignKeyConstraint(['encounter_id'], ['encounter.id'], name=op.f('fk_enrolment_proposal_encounter_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_enrolment_proposal_patient_id')),
    sa.ForeignKeyConstraint(['practitioner_id'], ['practitioner.id'], name=op.f('fk_enrolment_proposal_practitioner_id')),
    sa.ForeignKeyConstraint(['way_id'], ['enrolment_way.id'], name=op.f('fk_enrolment_proposal_way_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_enrolment_proposal')),
    sa.UniqueConstraint('patient_id', 'plan_key', 'is_open', name=op.f('uq_enrolment_proposal_patient_id_plan_key_is_open')),
    sa.UniqueConstraint('public_id', name=op.f('uq_enrolment_proposal_public_id'))
    )
    with op.batch_alter_table('enrolment_proposal', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_enrolment_proposal_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_enrolment_proposal_care_plan_id'), ['care_plan_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_enrolment_proposal_care_team_id_is_open_proposed_at'), ['care_team_id', 'is_open', 'proposed_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_enrolment_proposal_practitioner_id'), ['practitioner_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_enrolment_proposal_way_id'), ['way_id'], unique=False)


def downgrade() -> None:
    op.drop_table('enrolment_proposal')
    op.drop_table('care_plan_step')
    op.drop_table('enrolment_way')
    op.drop_table('enrolment_policy')
