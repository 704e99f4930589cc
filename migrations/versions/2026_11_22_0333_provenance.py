"""Where each row came from, in which version

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0333
Revises: 2026_11_22_0332
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, digest, platform_id, sealed, text

revision = '2026_11_22_0333'
down_revision = '2026_11_22_0332'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('appointment', schema=None) as batch_op:
        batch_op.add_column(sa.Column('source', platform_id(64), nullable=True))
        batch_op.add_column(sa.Column('stamps', sa.JSON(), nullable=False, server_default=sa.text("('{}')")))
        batch_op.add_column(sa.Column('inbound_id', big(), nullable=True))

    with op.batch_alter_table('condition', schema=None) as batch_op:
        batch_op.add_column(sa.Column('is_provisional', sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column('local_code', text(255), nullable=True))
        batch_op.add_column(sa.Column('source', platform_id(64), nullable=True))
        batch_op.add_column(sa.Column('version', text(255), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('inbound_id', big(), nullable=True))
        batch_op.create_index(batch_op.f('ix_condition_source_local_code'), ['source', 'local_code'], unique=False)

    with op.batch_alter_table('encounter', schema=None) as batch_op:
        batch_op.add_column(sa.Column('department_name', text(255), nullable=True))
        batch_op.add_column(sa.Column('attending_code', text(255), nullable=True))
        batch_op.add_column(sa.Column('attending_name', text(255), nullable=True))
        batch_op.add_column(sa.Column('source', platform_id(64), nullable=True))
        batch_op.add_column(sa.Column('stamps', sa.JSON(), nullable=False, server_default=sa.text("('{}')")))
        batch_op.add_column(sa.Column('inbound_id', big(), nullable=True))

    with op.batch_alter_table('inbound_message', schema=None) as batch_op:
        batch_op.add_column(sa.Column('patient_id', big(), nullable=True))
        batch_op.add_column(sa.Column('answered_ms', sa.Integer(), nullable=True))
        batch_op.create_index(batch_op.f('ix_inbound_message_patient_id'), ['patient_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_inbound_message_source_received_at'), ['source', 'received_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_inbound_message_source_status_id'), ['source', 'status', 'id'], unique=False)
        batch_op.create_foreign_key(batch_op.f('fk_inbound_message_patient_id'), 'patient', ['patient_id'], ['id'])

    with op.batch_alter_table('observation', schema=None) as batch_op:
        batch_op.add_column(sa.Column('report_id', big(), nullable=True))
        batch_op.add_column(sa.Column('source', platform_id(64), nullable=True))
        batch_op.add_column(sa.Column('issuer', text(255), nullable=True))
        batch_op.add_column(sa.Column('order_number', text(255), nullable=True))
        batch_op.add_column(sa.Column('sub_id', text(255), nullable=True))
        batch_op.add_column(sa.Column('version', text(255), nullable=True))
        batch_op.add_column(sa.Column('inbound_id', big(), nullable=True))
        batch_op.add_column(sa.Column('local_code', text(255), nullable=True))
        batch_op.add_column(sa.Column('standard_value', sa.Numeric(precision=18, scale=6), nullable=True))
        batch_op.add_column(sa.Column('standard_unit', text(255), nullable=True))
        batch_op.add_column(sa.Column('computed_interpretation', text(255), nullable=True))
        batch_op.add_column(sa.Column('computed_by', text(255), nullable=True))
        batch_op.add_column(sa.Column('specimen', text(255), nullable=True))
        batch_op.create_index(batch_op.f('ix_observation_report_id'), ['report_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_observation_source_local_code'), ['source', 'local_code'], unique=False)
        batch_op.create_foreign_key(batch_op.f('fk_observation_report_id'), 'diagnostic_report', ['report_id'], ['id'])

    with op.batch_alter_table('patient', schema=None) as batch_op:
        batch_op.add_column(sa.Column('stamps', sa.JSON(), nullable=False, server_default=sa.text("('{}')")))
        batch_op.add_column(sa.Column('merged_into_id', big(), nullable=True))
        batch_op.create_index(batch_op.f('ix_patient_merged_into_id'), ['merged_into_id'], unique=False)
        batch_op.create_foreign_key(batch_op.f('fk_patient_merged_into_id'), 'patient', ['merged_into_id'], ['id'])

    with op.batch_alter_table('questionnaire_response', schema=None) as batch_op:
        batch_op.add_column(sa.Column('canonical', text(255), nullable=True))
        batch_op.add_column(sa.Column('status', sa.String(32), nullable=False, server_default='completed'))
        batch_op.add_column(sa.Column('source', platform_id(64), nullable=True))
        batch_op.add_column(sa.Column('version', text(255), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('inbound_id', big(), nullable=True))
        batch_op.alter_column('questionnaire_id',
               existing_type=big(),
               nullable=True)

    with op.batch_alter_table('related_person', schema=None) as batch_op:
        batch_op.add_column(sa.Column('issuer', text(255), nullable=True))
        batch_op.add_column(sa.Column('number_sealed', sealed(), nullable=True))
        batch_op.add_column(sa.Column('number_index', digest(), nullable=True))
        # No release has written to this table yet: it is empty.
        batch_op.add_column(sa.Column('identity', digest(), nullable=False))
        batch_op.add_column(sa.Column('version', text(255), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('inbound_id', big(), nullable=True))
        batch_op.create_index(batch_op.f('ix_related_person_number_index'), ['number_index'], unique=False)
        batch_op.create_unique_constraint(batch_op.f('uq_related_person_patient_id_identity'), ['patient_id', 'identity'])


def downgrade() -> None:
    op.execute('DELETE FROM questionnaire_response WHERE questionnaire_id IS NULL')
    with op.batch_alter_table('related_person', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('uq_related_person_patient_id_identity'), type_='unique')
        batch_op.drop_index(batch_op.f('ix_related_person_number_index'))
        batch_op.drop_column('inbound_id')
        batch_op.drop_column('version')
        batch_op.drop_column('identity')
        batch_op.drop_column('number_index')
        batch_op.drop_column('number_sealed')
        batch_op.drop_column('issuer')

    with op.batch_alter_table('questionnaire_response', schema=None) as batch_op:
        batch_op.alter_column('questionnaire_id',
               existing_type=big(),
               nullable=False)
        batch_op.drop_column('inbound_id')
        batch_op.drop_column('version')
        batch_op.drop_column('source')
        batch_op.drop_column('status')
        batch_op.drop_column('canonical')

    with op.batch_alter_table('patient', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_patient_merged_into_id'), type_='foreignkey')
        batch_op.drop_index(batch_op.f('ix_patient_merged_into_id'))
        batch_op.drop_column('merged_into_id')
        batch_op.drop_column('stamps')

    with op.batch_alter_table('observation', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_observation_report_id'), type_='foreignkey')
        batch_op.drop_index(batch_op.f('ix_observation_source_local_code'))
        batch_op.drop_index(batch_op.f('ix_observation_report_id'))
        batch_op.drop_column('specimen')
        batch_op.drop_column('computed_by')
        batch_op.drop_column('computed_interpretation')
        batch_op.drop_column('standard_unit')
        batch_op.drop_column('standard_value')
        batch_op.drop_column('local_code')
        batch_op.drop_column('inbound_id')
        batch_op.drop_column('version')
        batch_op.drop_column('sub_id')
        batch_op.drop_column('order_number')
        batch_op.drop_column('issuer')
        batch_op.drop_column('source')
        batch_op.drop_column('report_id')

    with op.batch_alter_table('inbound_message', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_inbound_message_patient_id'), type_='foreignkey')
        batch_op.drop_index(batch_op.f('ix_inbound_message_source_status_id'))
        batch_op.drop_index(batch_op.f('ix_inbound_message_source_received_at'))
        batch_op.drop_index(batch_op.f('ix_inbound_message_patient_id'))
        batch_op.drop_column('answered_ms')
        batch_op.drop_column('patient_id')

    with op.batch_alter_table('encounter', schema=None) as batch_op:
        batch_op.drop_column('inbound_id')
        batch_op.drop_column('stamps')
        batch_op.drop_column('source')
        batch_op.drop_column('attending_name')
        batch_op.drop_column('attending_code')
        batch_op.drop_column('department_name')

    with op.batch_alter_table('condition', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_condition_source_local_code'))
        batch_op.drop_column('inbound_id')
        batch_op.drop_column('version')
        batch_op.drop_column('source')
        batch_op.drop_column('local_code')
        batch_op.drop_column('is_provisional')

    with op.batch_alter_table('appointment', schema=None) as batch_op:
        batch_op.drop_column('inbound_id')
        batch_op.drop_column('stamps')
        batch_op.drop_column('source')
