"""Reports, prescriptions, orders, vaccinations, allergies

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0330
Revises: 2026_11_22_0025
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, digest, instant, platform_id, sealed, text

revision = '2026_11_22_0330'
down_revision = '2026_11_22_0025'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('allergy_intolerance',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('criticality', text(255), nullable=True),
    sa.Column('code', platform_id(64), nullable=False),
    sa.Column('code_system', text(255), nullable=False),
    sa.Column('local_code', text(255), nullable=True),
    sa.Column('display', text(255), nullable=True),
    sa.Column('reaction_sealed', sealed(), nullable=True),
    sa.Column('recorded_at', instant(), nullable=True),
    sa.Column('source', platform_id(64), nullable=True),
    sa.Column('issuer', text(255), nullable=False),
    sa.Column('number', text(255), nullable=False),
    sa.Column('identity', digest(), nullable=False),
    sa.Column('version', text(255), nullable=False),
    sa.Column('inbound_id', big(), nullable=True),
    sa.Column('created_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_allergy_intolerance_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_allergy_intolerance')),
    sa.UniqueConstraint('patient_id', 'identity', name=op.f('uq_allergy_intolerance_patient_id_identity')),
    sa.UniqueConstraint('public_id', name=op.f('uq_allergy_intolerance_public_id'))
    )
    op.create_table('diagnostic_report',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('encounter_id', big(), nullable=True),
    sa.Column('status', sa.String(32), nullable=False),
    sa.Column('category', text(255), nullable=True),
    sa.Column('code', platform_id(64), nullable=False),
    sa.Column('code_system', text(255), nullable=False),
    sa.Column('local_code', text(255), nullable=True),
    sa.Column('display', text(255), nullable=True),
    sa.Column('conclusion_sealed', sealed(), nullable=True),
    sa.Column('effective_at', instant(), nullable=True),
    sa.Column('issued_at', instant(), nullable=True),
    sa.Column('source', platform_id(64), nullable=True),
    sa.Column('issuer', text(255), nullable=False),
    sa.Column('number', text(255), nullable=False),
    sa.Column('identity', digest(), nullable=False),
    sa.Column('version', text(255), nullable=False),
    sa.Column('inbound_id', big(), nullable=True),
    sa.Column('created_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['encounter_id'], ['encounter.id'], name=op.f('fk_diagnostic_report_encounter_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_diagnostic_report_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_diagnostic_report')),
    sa.UniqueConstraint('patient_id', 'identity', name=op.f('uq_diagnostic_report_patient_id_identity')),
    sa.UniqueConstraint('public_id', name=op.f('uq_diagnostic_report_public_id'))
    )
    op.create_index(op.f('ix_diagnostic_report_patient_id_issued_at'), 'diagnostic_report', ['patient_id', 'issued_at'], unique=False)
    op.create_table('immunization',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('encounter_id', big(), nullable=True),
    sa.Column('status', sa.String(32), nullable=False),
    sa.Column('code', platform_id(64), nullable=False),
    sa.Column('code_system', text(255), nullable=False),
    sa.Column('local_code', text(255), nullable=True),
    sa.Column('display', text(255), nullable=True),
    sa.Column('dose_number', sa.Integer(), nullable=True),
    sa.Column('lot_number', text(255), nullable=True),
    sa.Column('occurred_on', sa.Date(), nullable=True),
    sa.Column('source', platform_id(64), nullable=True),
    sa.Column('issuer', text(255), nullable=False),
    sa.Column('number', text(255), nullable=False),
    sa.Column('identity', digest(), nullable=False),
    sa.Column('version', text(255), nullable=False),
    sa.Column('inbound_id', big(), nullable=True),
    sa.Column('created_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['encounter_id'], ['encounter.id'], name=op.f('fk_immunization_encounter_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_immunization_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_immunization')),
    sa.UniqueConstraint('patient_id', 'identity', name=op.f('uq_immunization_patient_id_identity')),
    sa.UniqueConstraint('public_id', name=op.f('uq_immunization_public_id'))
    )
    op.create_index(op.f('ix_immunization_patient_id_occurred_on'), 'immunization', ['patient_id', 'occurred_on'], unique=False)
    op.create_table('medication_request',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('encounter_id', big(), nullable=True),
    sa.Column('status', sa.String(32), nullable=False),
    sa.Column('code', platform_id(64), nullable=False),
    sa.Column('code_system', text(255), nullable=False),
    sa.Column('local_code', text(255), nullable=True),
    sa.Column('display', text(255), nullable=True),
    sa.Column('dosage_sealed', sealed(), nullable=True),
    sa.Column('dose', sa.Numeric(precision=18, scale=6), nullable=True),
    sa.Column('dose_unit', text(255), nullable=True),
    sa.Column('route_code', text(255), nullable=True),
    sa.Column('route_name', text(255), nullable=True),
    sa.Column('frequency', text(255), nullable=True),
    sa.Column('quantity', sa.Numeric(precision=18, scale=6), nullable=True),
    sa.Column('quantity_unit', text(255), nullable=True),
    sa.Column('authored_at', instant(), nullable=True),
    sa.Column('starts_at', instant(), nullable=True),
    sa.Column('ends_at', instant(), nullable=True),
    sa.Column('dispensed_at', instant(), nullable=True),
    sa.Column('source', platform_id(64), nullable=True),
    sa.Column('issuer', text(255), nullable=False),
    sa.Column('number', text(255), nullable=False),
    sa.Column('identity', digest(), nullable=False),
    sa.Column('version', text(255), nullable=False),
    sa.Column('inbound_id', big(), nullable=True),
    sa.Column('created_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['encounter_id'], ['encounter.id'], name=op.f('fk_medication_request_encounter_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_medication_request_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_medication_request')),
    sa.UniqueConstraint('patient_id', 'identity', name=op.f('uq_medication_request_patient_id_identity')),
    sa.UniqueConstraint('public_id', name=op.f('uq_medication_request_public_id'))
    )
    op.create_index(op.f('ix_medication_request_patient_id_authored_at'), 'medication_request', ['patient_id', 'authored_at'], unique=False)
    op.create_index(op.f('ix_medication_request_source_local_code'), 'medication_request', ['source', 'local_code'], unique=False)
    op.create_table('service_request',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('encounter_id', big(), nullable=True),
    sa.Column('status', sa.String(32), nullable=False),
    sa.Column('category', text(255), nullable=True),
    sa.Column('priority', text(255), nullable=True),
    sa.Column('code', platform_id(64), nullable=False),
    sa.Column('code_system', text(255), nullable=False),
    sa.Column('local_code', text(255), nullable=True),
    sa.Column('display', text(255), nullable=True),
    sa.Column('requester_code', text(255), nullable=True),
    sa.Column('requester_name', text(255), nullable=True),
    sa.Column('note_sealed', sealed(), nullable=True),
    sa.Column('authored_at', instant(), nullable=True),
    sa.Column('occurs_at', instant(), nullable=True),
    sa.Column('source', platform_id(64), nullable=True),
    sa.Column('issuer', text(255), nullable=False),
    sa.Column('number', text(255), nullable=False),
    sa.Column('identity', digest(), nullable=False),
    sa.Column('version', text(255), nullable=False),
    sa.Column('inbound_id', big(), nullable=True),
    sa.Column('created_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['encounter_id'], ['encounter.id'], name=op.f('fk_service_request_encounter_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_service_request_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_service_request')),
    sa.UniqueConstraint('patient_id', 'identity', name=op.f('uq_service_request_patient_id_identity')),
    sa.UniqueConstraint('public_id', name=op.f('uq_service_request_public_id'))
    )
    op.create_index(op.f('ix_service_request_patient_id_authored_at'), 'service_request', ['patient_id', 'authored_at'], unique=False)


def downgrade() -> None:
    op.drop_table('service_request')
    op.drop_table('medication_request')
    op.drop_table('immunization')
    op.drop_table('diagnostic_report')
    op.drop_table('allergy_intolerance')
