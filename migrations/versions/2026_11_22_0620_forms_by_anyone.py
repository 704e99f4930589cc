"""Who filled in a form and how, what its scales came to, and alerts that stand on an answer

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0620
Revises: 2026_11_22_0581
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big

revision = '2026_11_22_0620'
down_revision = '2026_11_22_0616'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('questionnaire_response', schema=None) as batch_op:
        batch_op.add_column(sa.Column('mode', sa.String(32), nullable=True))
        batch_op.add_column(sa.Column('informant', sa.String(32), nullable=True))
        batch_op.add_column(sa.Column('author_practitioner_id', big(), nullable=True))
        batch_op.add_column(sa.Column('scale_scores', sa.JSON(), nullable=True))
        batch_op.create_foreign_key(batch_op.f('fk_questionnaire_response_author_practitioner_id'), 'practitioner', ['author_practitioner_id'], ['id'])
    with op.batch_alter_table('alert', schema=None) as batch_op:
        batch_op.add_column(sa.Column('questionnaire_id', big(), nullable=True))
        batch_op.create_foreign_key(batch_op.f('fk_alert_questionnaire_id'), 'questionnaire', ['questionnaire_id'], ['id'])
    with op.batch_alter_table('alert_step', schema=None) as batch_op:
        batch_op.add_column(sa.Column('response_id', big(), nullable=True))
        batch_op.create_index(batch_op.f('ix_alert_step_response_id'), ['response_id'], unique=False)
        batch_op.create_foreign_key(batch_op.f('fk_alert_step_response_id'), 'questionnaire_response', ['response_id'], ['id'])


def downgrade() -> None:
    with op.batch_alter_table('alert_step', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_alert_step_response_id'), type_='foreignkey')
        batch_op.drop_index(batch_op.f('ix_alert_step_response_id'))
        batch_op.drop_column('response_id')
    with op.batch_alter_table('alert', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_alert_questionnaire_id'), type_='foreignkey')
        batch_op.drop_column('questionnaire_id')
    with op.batch_alter_table('questionnaire_response', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_questionnaire_response_author_practitioner_id'), type_='foreignkey')
        batch_op.drop_column('scale_scores')
        batch_op.drop_column('author_practitioner_id')
        batch_op.drop_column('informant')
        batch_op.drop_column('mode')
