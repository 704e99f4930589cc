"""Tasks with somebody to do them and an outcome; calls, handovers of shifts, leave

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0621
Revises: 2026_11_22_0631
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant, platform_id, sealed

revision = '2026_11_22_0621'
down_revision = '2026_11_22_0620'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('task', schema=None) as batch_op:
        batch_op.add_column(sa.Column('care_team_id', big(), nullable=True))
        batch_op.add_column(sa.Column('assignee_id', big(), nullable=True))
        batch_op.add_column(sa.Column('outcome', sa.String(32), nullable=True))
        batch_op.add_column(sa.Column('tries', sa.Integer(), nullable=False, server_default='0'))
        batch_op.add_column(sa.Column('reported_by_id', big(), nullable=True))
        for column, table in _POINTERS:
            batch_op.create_index(batch_op.f(f'ix_task_{column}'), [column], unique=False)
            batch_op.create_foreign_key(batch_op.f(f'fk_task_{column}'), table, [column], ['id'])
    op.create_table(
        'contact_attempt',
        sa.Column('id', big(), nullable=False),
        sa.Column('public_id', platform_id(32), nullable=False),
        sa.Column('task_id', big(), nullable=False),
        sa.Column('practitioner_id', big(), nullable=False),
        sa.Column('outcome', sa.String(32), nullable=False),
        sa.Column('note_sealed', sealed(), nullable=True),
        sa.Column('call_at', instant(), nullable=True),
        sa.Column('at', instant(), nullable=False),
        sa.ForeignKeyConstraint(['task_id'], ['task.id'], name=op.f('fk_contact_attempt_task_id')),
        sa.ForeignKeyConstraint(['practitioner_id'], ['practitioner.id'], name=op.f('fk_contact_attempt_practitioner_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_contact_attempt')),
        sa.UniqueConstraint('public_id', name=op.f('uq_contact_attempt_public_id')),
    )
    op.create_index(op.f('ix_contact_attempt_task_id_at'), 'contact_attempt', ['task_id', 'at'], unique=False)
    op.create_index(op.f('ix_contact_attempt_practitioner_id'), 'contact_attempt', ['practitioner_id'], unique=False)
    op.create_table(
        'shift_handover',
        sa.Column('id', big(), nullable=False),
        sa.Column('public_id', platform_id(32), nullable=False),
        sa.Column('care_team_id', big(), nullable=False),
        sa.Column('from_practitioner_id', big(), nullable=False),
        sa.Column('to_practitioner_id', big(), nullable=False),
        sa.Column('items', sa.JSON(), nullable=False),
        sa.Column('note_sealed', sealed(), nullable=True),
        sa.Column('at', instant(), nullable=False),
        sa.Column('acknowledged_at', instant(), nullable=True),
        sa.ForeignKeyConstraint(['care_team_id'], ['care_team.id'], name=op.f('fk_shift_handover_care_team_id')),
        sa.ForeignKeyConstraint(['from_practitioner_id'], ['practitioner.id'], name=op.f('fk_shift_handover_from_practitioner_id')),
        sa.ForeignKeyConstraint(['to_practitioner_id'], ['practitioner.id'], name=op.f('fk_shift_handover_to_practitioner_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_shift_handover')),
        sa.UniqueConstraint('public_id', name=op.f('uq_shift_handover_public_id')),
    )
    op.create_index(op.f('ix_shift_handover_care_team_id'), 'shift_handover', ['care_team_id'], unique=False)
    op.create_index(op.f('ix_shift_handover_from_practitioner_id'), 'shift_handover', ['from_practitioner_id'], unique=False)
    op.create_index(op.f('ix_shift_handover_to_practitioner_id_acknowledged_at'), 'shift_handover', ['to_practitioner_id', 'acknowledged_at'], unique=False)
    op.create_table(
        'staff_leave',
        sa.Column('id', big(), nullable=False),
        sa.Column('public_id', platform_id(32), nullable=False),
        sa.Column('practitioner_id', big(), nullable=False),
        sa.Column('substitute_id', big(), nullable=True),
        sa.Column('starts_on', sa.Date(), nullable=False),
        sa.Column('ends_on', sa.Date(), nullable=False),
        sa.Column('author_id', big(), nullable=False),
        sa.Column('created_at', instant(), nullable=False),
        sa.Column('ended_at', instant(), nullable=True),
        sa.ForeignKeyConstraint(['practitioner_id'], ['practitioner.id'], name=op.f('fk_staff_leave_practitioner_id')),
        sa.ForeignKeyConstraint(['substitute_id'], ['practitioner.id'], name=op.f('fk_staff_leave_substitute_id')),
        sa.ForeignKeyConstraint(['author_id'], ['practitioner.id'], name=op.f('fk_staff_leave_author_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_staff_leave')),
        sa.UniqueConstraint('public_id', name=op.f('uq_staff_leave_public_id')),
    )
    op.create_index(op.f('ix_staff_leave_practitioner_id_ends_on'), 'staff_leave', ['practitioner_id', 'ends_on'], unique=False)
    op.create_index(op.f('ix_staff_leave_substitute_id'), 'staff_leave', ['substitute_id'], unique=False)
    op.create_index(op.f('ix_staff_leave_author_id'), 'staff_leave', ['author_id'], unique=False)


def downgrade() -> None:
    op.drop_table('staff_leave')
    op.drop_table('shift_handover')
    op.drop_table('contact_attempt')
    with op.batch_alter_table('task', schema=None) as batch_op:
        for column, _ in _POINTERS:
            batch_op.drop_constraint(batch_op.f(f'fk_task_{column}'), type_='foreignkey')
            batch_op.drop_index(batch_op.f(f'ix_task_{column}'))
            batch_op.drop_column(column)
        batch_op.drop_column('tries')
        batch_op.drop_column('outcome')


_POINTERS = (
    ('care_team_id', 'care_team'),
    ('assignee_id', 'practitioner'),
    ('reported_by_id', 'practitioner'),
)
