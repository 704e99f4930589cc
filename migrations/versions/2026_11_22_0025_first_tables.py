"""The first tables: patient to audit trail

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0025
Revises: 
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, digest, instant, platform_id, sealed, text

revision = '2026_11_22_0025'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('article',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('key', platform_id(64), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('status', sa.String(32), nullable=False),
    sa.Column('title', text(255), nullable=False),
    sa.Column('body', sa.JSON(), nullable=False),
    sa.Column('pack_key', platform_id(64), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_article')),
    sa.UniqueConstraint('key', 'version', name=op.f('uq_article_key_version')),
    sa.UniqueConstraint('public_id', name=op.f('uq_article_public_id'))
    )
    op.create_table('audit_event',
    sa.Column('id', big(), nullable=False),
    sa.Column('chain', sa.Integer(), nullable=False),
    sa.Column('sequence', big(), nullable=False),
    sa.Column('at', instant(), nullable=False),
    sa.Column('actor_kind', text(255), nullable=False),
    sa.Column('actor_id', big(), nullable=True),
    sa.Column('action', text(255), nullable=False),
    sa.Column('entity', text(255), nullable=False),
    sa.Column('patient_id', big(), nullable=True),
    sa.Column('origin', text(255), nullable=False),
    sa.Column('outcome', text(255), nullable=False),
    sa.Column('detail', sa.JSON(), nullable=False),
    sa.Column('previous', digest(), nullable=False),
    sa.Column('hash', digest(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_event')),
    sa.UniqueConstraint('chain', 'sequence', name=op.f('uq_audit_event_chain_sequence'))
    )
    op.create_index(op.f('ix_audit_event_patient_id_at'), 'audit_event', ['patient_id', 'at'], unique=False)
    op.create_table('audit_head',
    sa.Column('chain', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('sequence', big(), nullable=False),
    sa.Column('hash', digest(), nullable=False),
    sa.PrimaryKeyConstraint('chain', name=op.f('pk_audit_head'))
    )
    op.create_table('audit_seal',
    sa.Column('id', big(), nullable=False),
    sa.Column('at', instant(), nullable=False),
    sa.Column('heads', sa.JSON(), nullable=False),
    sa.Column('previous', digest(), nullable=False),
    sa.Column('hash', digest(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_seal'))
    )
    op.create_table('care_team',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('name', text(255), nullable=False),
    sa.Column('department_code', text(255), nullable=True),
    sa.Column('created_at', instant(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_care_team')),
    sa.UniqueConstraint('name', name=op.f('uq_care_team_name')),
    sa.UniqueConstraint('public_id', name=op.f('uq_care_team_public_id'))
    )
    op.create_index(op.f('ix_care_team_department_code'), 'care_team', ['department_code'], unique=False)
    op.create_table('department',
    sa.Column('id', big(), nullable=False),
    sa.Column('code', platform_id(64), nullable=False),
    sa.Column('name', text(255), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_department')),
    sa.UniqueConstraint('code', name=op.f('uq_department_code'))
    )
    op.create_table('early_receipt',
    sa.Column('id', big(), nullable=False),
    sa.Column('app_key', platform_id(32), nullable=False),
    sa.Column('platform_id', platform_id(64), nullable=False),
    sa.Column('kind', text(255), nullable=False),
    sa.Column('outcome', sa.JSON(), nullable=False),
    sa.Column('at', instant(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_early_receipt')),
    sa.UniqueConstraint('app_key', 'platform_id', 'kind', name=op.f('uq_early_receipt_app_key_platform_id_kind'))
    )
    op.create_table('inbound_message',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('source', platform_id(64), nullable=False),
    sa.Column('dedupe_key', digest(), nullable=False),
    sa.Column('kind', text(255), nullable=False),
    sa.Column('control_id', text(255), nullable=True),
    sa.Column('body_sealed', sealed(), nullable=False),
    sa.Column('peer', text(255), nullable=True),
    sa.Column('status', text(255), nullable=False),
    sa.Column('reason', text(255), nullable=True),
    sa.Column('repeats', sa.Integer(), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('received_at', instant(), nullable=False),
    sa.Column('processed_at', instant(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_inbound_message')),
    sa.UniqueConstraint('public_id', name=op.f('uq_inbound_message_public_id')),
    sa.UniqueConstraint('source', 'dedupe_key', name=op.f('uq_inbound_message_source_dedupe_key'))
    )
    op.create_index(op.f('ix_inbound_message_status_id'), 'inbound_message', ['status', 'id'], unique=False)
    op.create_table('job_run',
    sa.Column('id', big(), nullable=False),
    sa.Column('job', platform_id(64), nullable=False),
    sa.Column('slot_at', instant(), nullable=False),
    sa.Column('fence', sa.Integer(), nullable=False),
    sa.Column('started_at', instant(), nullable=False),
    sa.Column('finished_at', instant(), nullable=True),
    sa.Column('outcome', text(255), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_job_run')),
    sa.UniqueConstraint('job', 'slot_at', name=op.f('uq_job_run_job_slot_at'))
    )
    op.create_table('lease',
    sa.Column('name', platform_id(64), nullable=False),
    sa.Column('holder', platform_id(64), nullable=False),
    sa.Column('fence', sa.Integer(), nullable=False),
    sa.Column('until', instant(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_lease'))
    )
    op.create_table('pack',
    sa.Column('id', big(), nullable=False),
    sa.Column('key', platform_id(64), nullable=False),
    sa.Column('version', platform_id(32), nullable=False),
    sa.Column('title', text(255), nullable=False),
    sa.Column('content_hash', digest(), nullable=False),
    sa.Column('content', sa.JSON(), nullable=False),
    sa.Column('status', sa.String(32), nullable=False),
    sa.Column('approved_by', text(255), nullable=True),
    sa.Column('installed_at', instant(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pack')),
    sa.UniqueConstraint('key', 'version', name=op.f('uq_pack_key_version'))
    )
    op.create_table('patient',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('name_sealed', sealed(), nullable=True),
    sa.Column('name_index', digest(), nullable=True),
    sa.Column('phone_sealed', sealed(), nullable=True),
    sa.Column('phone_index', digest(), nullable=True),
    sa.Column('address_sealed', sealed(), nullable=True),
    sa.Column('gender', sa.String(32), nullable=False),
    sa.Column('birth_date', sa.Date(), nullable=True),
    sa.Column('deceased_at', instant(), nullable=True),
    sa.Column('needs_sealed', sealed(), nullable=True),
    sa.Column('department_code', text(255), nullable=True),
    sa.Column('source', text(255), nullable=False),
    sa.Column('recorded_at', instant(), nullable=True),
    sa.Column('created_at', instant(), nullable=False),
    sa.Column('updated_at', instant(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_patient')),
    sa.UniqueConstraint('public_id', name=op.f('uq_patient_public_id'))
    )
    op.create_index(op.f('ix_patient_department_code'), 'patient', ['department_code'], unique=False)
    op.create_index(op.f('ix_patient_phone_index'), 'patient', ['phone_index'], unique=False)
    op.create_table('plan_definition',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('key', platform_id(64), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('status', sa.String(32), nullable=False),
    sa.Column('title', text(255), nullable=False),
    sa.Column('anchor', text(255), nullable=False),
    sa.Column('definition', sa.JSON(), nullable=False),
    sa.Column('pack_key', platform_id(64), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_plan_definition')),
    sa.UniqueConstraint('key', 'version', name=op.f('uq_plan_definition_key_version')),
    sa.UniqueConstraint('public_id', name=op.f('uq_plan_definition_public_id'))
    )
    op.create_table('platform_token',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('app', platform_id(64), nullable=False),
    sa.Column('token_sealed', sealed(), nullable=True),
    sa.Column('expires_at', instant(), nullable=True),
    sa.Column('fetched_at', instant(), nullable=True),
    sa.Column('refresher', platform_id(32), nullable=True),
    sa.Column('refreshing_until', instant(), nullable=True),
    sa.Column('dropped_at', instant(), nullable=True),
    sa.Column('drops', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_platform_token')),
    sa.UniqueConstraint('app', name=op.f('uq_platform_token_app')),
    sa.UniqueConstraint('public_id', name=op.f('uq_platform_token_public_id'))
    )
    op.create_table('practitioner',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('name_sealed', sealed(), nullable=False),
    sa.Column('role', sa.String(32), nullable=False),
    sa.Column('department_code', text(255), nullable=True),
    sa.Column('corp_key', platform_id(64), nullable=True),
    sa.Column('wecom_userid', platform_id(64), nullable=True),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('created_at', instant(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_practitioner')),
    sa.UniqueConstraint('corp_key', 'wecom_userid', name=op.f('uq_practitioner_corp_key_wecom_userid')),
    sa.UniqueConstraint('public_id', name=op.f('uq_practitioner_public_id'))
    )
    op.create_table('questionnaire',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('key', platform_id(64), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('status', sa.String(32), nullable=False),
    sa.Column('title', text(255), nullable=False),
    sa.Column('definition', sa.JSON(), nullable=False),
    sa.Column('pack_key', platform_id(64), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_questionnaire')),
    sa.UniqueConstraint('key', 'version', name=op.f('uq_questionnaire_key_version')),
    sa.UniqueConstraint('public_id', name=op.f('uq_questionnaire_public_id'))
    )
    op.create_table('reaction_cursor',
    sa.Column('reaction', platform_id(64), nullable=False),
    sa.Column('position', big(), nullable=False),
    sa.Column('gaps', sa.JSON(), nullable=False),
    sa.Column('updated_at', instant(), nullable=False),
    sa.PrimaryKeyConstraint('reaction', name=op.f('pk_reaction_cursor'))
    )
    op.create_table('rule',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('key', platform_id(64), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('status', sa.String(32), nullable=False),
    sa.Column('name', text(255), nullable=False),
    sa.Column('definition', sa.JSON(), nullable=False),
    sa.Column('pack_key', platform_id(64), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rule')),
    sa.UniqueConstraint('key', 'version', name=op.f('uq_rule_key_version')),
    sa.UniqueConstraint('public_id', name=op.f('uq_rule_public_id'))
    )
    op.create_table('sign_in_state',
    sa.Column('id', big(), nullable=False),
    sa.Column('state_hash', digest(), nullable=False),
    sa.Column('browser_hash', digest(), nullable=False),
    sa.Column('app_key', platform_id(32), nullable=False),
    sa.Column('return_path', text(255), nullable=False),
    sa.Column('expires_at', instant(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sign_in_state')),
    sa.UniqueConstraint('state_hash', name=op.f('uq_sign_in_state_state_hash'))
    )
    op.create_table('tag',
    sa.Column('id', big(), nullable=False),
    sa.Column('key', platform_id(64), nullable=False),
    sa.Column('name', text(255), nullable=False),
    sa.Column('tag_class', text(255), nullable=False),
    sa.Column('definition', sa.JSON(), nullable=False),
    sa.Column('rules', sa.JSON(), nullable=False),
    sa.Column('pack_key', platform_id(64), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tag')),
    sa.UniqueConstraint('key', name=op.f('uq_tag_key'))
    )
    op.create_table('wechat_account',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('app_key', platform_id(32), nullable=False),
    sa.Column('openid', platform_id(64), nullable=False),
    sa.Column('unionid', platform_id(64), nullable=True),
    sa.Column('is_following', sa.Boolean(), nullable=False),
    sa.Column('session_key_sealed', sealed(), nullable=True),
    sa.Column('created_at', instant(), nullable=False),
    sa.Column('last_seen_at', instant(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_wechat_account')),
    sa.UniqueConstraint('app_key', 'openid', name=op.f('uq_wechat_account_app_key_openid')),
    sa.UniqueConstraint('public_id', name=op.f('uq_wechat_account_public_id'))
    )
    op.create_index(op.f('ix_wechat_account_unionid'), 'wechat_account', ['unionid'], unique=False)
    op.create_table('access_session',
    sa.Column('id', big(), nullable=False),
    sa.Column('kind', sa.String(32), nullable=False),
    sa.Column('token_hash', digest(), nullable=False),
    sa.Column('account_id', big(), nullable=True),
    sa.Column('practitioner_id', big(), nullable=True),
    sa.Column('current_patient_id', big(), nullable=True),
    sa.Column('created_at', instant(), nullable=False),
    sa.Column('last_seen_at', instant(), nullable=False),
    sa.Column('expires_at', instant(), nullable=False),
    sa.Column('revoked_at', instant(), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['wechat_account.id'], name=op.f('fk_access_session_account_id')),
    sa.ForeignKeyConstraint(['current_patient_id'], ['patient.id'], name=op.f('fk_access_session_current_patient_id')),
    sa.ForeignKeyConstraint(['practitioner_id'], ['practitioner.id'], name=op.f('fk_access_session_practitioner_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_access_session')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_access_session_token_hash'))
    )
    op.create_index(op.f('ix_access_session_account_id'), 'access_session', ['account_id'], unique=False)
    op.create_index(op.f('ix_access_session_practitioner_id'), 'access_session', ['practitioner_id'], unique=False)
    op.create_table('appointment',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('issuer', text(255), nullable=False),
    sa.Column('number', text(255), nullable=False),
    sa.Column('number_hash', digest(), nullable=False),
    sa.Column('status', sa.String(32), nullable=False),
    sa.Column('department_code', text(255), nullable=True),
    sa.Column('department_name', text(255), nullable=True),
    sa.Column('practitioner_name', text(255), nullable=True),
    sa.Column('starts_at', instant(), nullable=True),
    sa.Column('ends_at', instant(), nullable=True),
    sa.Column('recorded_at', instant(), nullable=False),
    sa.Column('created_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_appointment_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_appointment')),
    sa.UniqueConstraint('issuer', 'number_hash', name=op.f('uq_appointment_issuer_number_hash')),
    sa.UniqueConstraint('public_id', name=op.f('uq_appointment_public_id'))
    )
    op.create_index(op.f('ix_appointment_patient_id_starts_at'), 'appointment', ['patient_id', 'starts_at'], unique=False)
    op.create_table('binding_attempt',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('account_id', big(), nullable=True),
    sa.Column('patient_id', big(), nullable=True),
    sa.Column('relation', sa.String(32), nullable=True),
    sa.Column('phone_sealed', sealed(), nullable=True),
    sa.Column('code_hash', digest(), nullable=False),
    sa.Column('consents', sa.JSON(), nullable=False),
    sa.Column('tries_left', sa.Integer(), nullable=False),
    sa.Column('at', instant(), nullable=False),
    sa.Column('expires_at', instant(), nullable=False),
    sa.Column('used_at', instant(), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['wechat_account.id'], name=op.f('fk_binding_attempt_account_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_binding_attempt_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_binding_attempt')),
    sa.UniqueConstraint('public_id', name=op.f('uq_binding_attempt_public_id'))
    )
    op.create_index(op.f('ix_binding_attempt_account_id_at'), 'binding_attempt', ['account_id', 'at'], unique=False)
    op.create_index(op.f('ix_binding_attempt_patient_id_at'), 'binding_attempt', ['patient_id', 'at'], unique=False)
    op.create_table('care_team_member',
    sa.Column('id', big(), nullable=False),
    sa.Column('care_team_id', big(), nullable=False),
    sa.Column('practitioner_id', big(), nullable=False),
    sa.Column('responder', sa.String(32), nullable=False),
    sa.ForeignKeyConstraint(['care_team_id'], ['care_team.id'], name=op.f('fk_care_team_member_care_team_id')),
    sa.ForeignKeyConstraint(['practitioner_id'], ['practitioner.id'], name=op.f('fk_care_team_member_practitioner_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_care_team_member')),
    sa.UniqueConstraint('care_team_id', 'practitioner_id', name=op.f('uq_care_team_member_care_team_id_practitioner_id'))
    )
    op.create_index(op.f('ix_care_team_member_practitioner_id'), 'care_team_member', ['practitioner_id'], unique=False)
    op.create_table('consent',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('account_id', big(), nullable=False),
    sa.Column('purpose', text(255), nullable=False),
    sa.Column('is_given', sa.Boolean(), nullable=False),
    sa.Column('text_version', text(255), nullable=False),
    sa.Column('text_hash', digest(), nullable=False),
    sa.Column('channel', text(255), nullable=False),
    sa.Column('at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['wechat_account.id'], name=op.f('fk_consent_account_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_consent_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consent')),
    sa.UniqueConstraint('public_id', name=op.f('uq_consent_public_id'))
    )
    op.create_index(op.f('ix_consent_patient_id_purpose_id'), 'consent', ['patient_id', 'purpose', 'id'], unique=False)
    op.create_table('encounter',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('issuer', text(255), nullable=False),
    sa.Column('visit_number', text(255), nullable=False),
    sa.Column('encounter_class', sa.String(32), nullable=False),
    sa.Column('status', sa.String(32), nullable=False),
    sa.Column('department_code', text(255), nullable=True),
    sa.Column('location', text(255), nullable=True),
    sa.Column('started_at', instant(), nullable=True),
    sa.Column('ended_at', instant(), nullable=True),
    sa.Column('recorded_at', instant(), nullable=False),
    sa.Column('created_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_encounter_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_encounter')),
    sa.UniqueConstraint('issuer', 'visit_number', name=op.f('uq_encounter_issuer_visit_number')),
    sa.UniqueConstraint('public_id', name=op.f('uq_encounter_public_id'))
    )
    op.create_index(op.f('ix_encounter_patient_id_started_at'), 'encounter', ['patient_id', 'started_at'], unique=False)
    op.create_table('event',
    sa.Column('id', big(), nullable=False),
    sa.Column('kind', platform_id(64), nullable=False),
    sa.Column('patient_id', big(), nullable=True),
    sa.Column('payload', sa.JSON(), nullable=False),
    sa.Column('depth', sa.Integer(), nullable=False),
    sa.Column('at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_event_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_event'))
    )
    op.create_index(op.f('ix_event_kind'), 'event', ['kind'], unique=False)
    op.create_index(op.f('ix_event_patient_id_id'), 'event', ['patient_id', 'id'], unique=False)
    op.create_table('patient_identifier',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('issuer', text(255), nullable=False),
    sa.Column('type_code', text(255), nullable=False),
    sa.Column('value_sealed', sealed(), nullable=False),
    sa.Column('value_index', digest(), nullable=False),
    sa.Column('created_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_patient_identifier_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_patient_identifier')),
    sa.UniqueConstraint('issuer', 'type_code', 'value_index', name=op.f('uq_patient_identifier_issuer_type_code_value_index')),
    sa.UniqueConstraint('public_id', name=op.f('uq_patient_identifier_public_id'))
    )
    op.create_index(op.f('ix_patient_identifier_patient_id'), 'patient_identifier', ['patient_id'], unique=False)
    op.create_index(op.f('ix_patient_identifier_value_index'), 'patient_identifier', ['value_index'], unique=False)
    op.create_table('patient_link',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('account_id', big(), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('relation', sa.String(32), nullable=False),
    sa.Column('evidence', text(255), nullable=False),
    sa.Column('is_live', sa.Boolean(), nullable=True),
    sa.Column('starts_at', instant(), nullable=False),
    sa.Column('ends_at', instant(), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['wechat_account.id'], name=op.f('fk_patient_link_account_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_patient_link_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_patient_link')),
    sa.UniqueConstraint('account_id', 'patient_id', 'is_live', name=op.f('uq_patient_link_account_id_patient_id_is_live')),
    sa.UniqueConstraint('public_id', name=op.f('uq_patient_link_public_id'))
    )
    op.create_index(op.f('ix_patient_link_patient_id_is_live'), 'patient_link', ['patient_id', 'is_live'], unique=False)
    op.create_table('plan_action',
    sa.Column('id', big(), nullable=False),
    sa.Column('plan_definition_id', big(), nullable=False),
    sa.Column('key', platform_id(64), nullable=False),
    sa.Column('kind', text(255), nullable=False),
    sa.Column('title', text(255), nullable=False),
    sa.Column('timing_revision', platform_id(32), nullable=False),
    sa.Column('definition', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['plan_definition_id'], ['plan_definition.id'], name=op.f('fk_plan_action_plan_definition_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_plan_action')),
    sa.UniqueConstraint('plan_definition_id', 'key', name=op.f('uq_plan_action_plan_definition_id_key'))
    )
    op.create_table('related_person',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('relationship_code', text(255), nullable=False),
    sa.Column('name_sealed', sealed(), nullable=True),
    sa.Column('phone_sealed', sealed(), nullable=True),
    sa.Column('phone_index', digest(), nullable=True),
    sa.Column('created_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_related_person_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_related_person')),
    sa.UniqueConstraint('public_id', name=op.f('uq_related_person_public_id'))
    )
    op.create_index(op.f('ix_related_person_patient_id'), 'related_person', ['patient_id'], unique=False)
    op.create_table('tag_assignment',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('tag_id', big(), nullable=False),
    sa.Column('is_live', sa.Boolean(), nullable=True),
    sa.Column('source', sa.String(32), nullable=False),
    sa.Column('evidence_sealed', sealed(), nullable=True),
    sa.Column('confidence', sa.Numeric(precision=18, scale=6), nullable=False),
    sa.Column('is_locked', sa.Boolean(), nullable=False),
    sa.Column('starts_at', instant(), nullable=False),
    sa.Column('expires_at', instant(), nullable=True),
    sa.Column('ends_at', instant(), nullable=True),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_tag_assignment_patient_id')),
    sa.ForeignKeyConstraint(['tag_id'], ['tag.id'], name=op.f('fk_tag_assignment_tag_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tag_assignment')),
    sa.UniqueConstraint('patient_id', 'tag_id', 'is_live', name=op.f('uq_tag_assignment_patient_id_tag_id_is_live')),
    sa.UniqueConstraint('public_id', name=op.f('uq_tag_assignment_public_id'))
    )
    op.create_index(op.f('ix_tag_assignment_expires_at'), 'tag_assignment', ['expires_at'], unique=False)
    op.create_index(op.f('ix_tag_assignment_tag_id_is_live_patient_id'), 'tag_assignment', ['tag_id', 'is_live', 'patient_id'], unique=False)
    op.create_table('care_plan',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('plan_definition_id', big(), nullable=False),
    sa.Column('plan_key', platform_id(64), nullable=False),
    sa.Column('care_team_id', big(), nullable=False),
    sa.Column('status', sa.String(32), nullable=False),
    sa.Column('is_open', sa.Boolean(), nullable=True),
    sa.Column('anchor_on', sa.Date(), nullable=False),
    sa.Column('encounter_id', big(), nullable=True),
    sa.Column('expanded_until', instant(), nullable=True),
    sa.Column('created_at', instant(), nullable=False),
    sa.Column('ended_at', instant(), nullable=True),
    sa.ForeignKeyConstraint(['care_team_id'], ['care_team.id'], name=op.f('fk_care_plan_care_team_id')),
    sa.ForeignKeyConstraint(['encounter_id'], ['encounter.id'], name=op.f('fk_care_plan_encounter_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_care_plan_patient_id')),
    sa.ForeignKeyConstraint(['plan_definition_id'], ['plan_definition.id'], name=op.f('fk_care_plan_plan_definition_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_care_plan')),
    sa.UniqueConstraint('patient_id', 'plan_key', 'is_open', name=op.f('uq_care_plan_patient_id_plan_key_is_open')),
    sa.UniqueConstraint('public_id', name=op.f('uq_care_plan_public_id'))
    )
    op.create_index(op.f('ix_care_plan_care_team_id'), 'care_plan', ['care_team_id'], unique=False)
    op.create_index(op.f('ix_care_plan_is_open_expanded_until'), 'care_plan', ['is_open', 'expanded_until'], unique=False)
    op.create_index(op.f('ix_care_plan_plan_definition_id'), 'care_plan', ['plan_definition_id'], unique=False)
    op.create_table('condition',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('encounter_id', big(), nullable=True),
    sa.Column('encounter_key', sa.Integer(), nullable=False),
    sa.Column('code_system', text(255), nullable=False),
    sa.Column('code', platform_id(64), nullable=False),
    sa.Column('display', text(255), nullable=True),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('recorded_at', instant(), nullable=False),
    sa.Column('created_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['encounter_id'], ['encounter.id'], name=op.f('fk_condition_encounter_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_condition_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_condition')),
    sa.UniqueConstraint('patient_id', 'encounter_key', 'code_system', 'code', name=op.f('uq_condition_patient_id_encounter_key_code_system_code')),
    sa.UniqueConstraint('public_id', name=op.f('uq_condition_public_id'))
    )
    op.create_index(op.f('ix_condition_patient_id_code'), 'condition', ['patient_id', 'code'], unique=False)
    op.create_table('reaction_failure',
    sa.Column('id', big(), nullable=False),
    sa.Column('reaction', platform_id(64), nullable=False),
    sa.Column('event_id', big(), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('error', text(255), nullable=False),
    sa.Column('retry_at', instant(), nullable=True),
    sa.Column('at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['event_id'], ['event.id'], name=op.f('fk_reaction_failure_event_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reaction_failure')),
    sa.UniqueConstraint('reaction', 'event_id', name=op.f('uq_reaction_failure_reaction_event_id'))
    )
    op.create_index(op.f('ix_reaction_failure_retry_at'), 'reaction_failure', ['retry_at'], unique=False)
    op.create_table('alert',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('care_plan_id', big(), nullable=True),
    sa.Column('care_team_id', big(), nullable=False),
    sa.Column('rule_id', big(), nullable=False),
    sa.Column('episode', platform_id(64), nullable=False),
    sa.Column('grade', sa.String(32), nullable=False),
    sa.Column('status', sa.String(32), nullable=False),
    sa.Column('is_open', sa.Boolean(), nullable=True),
    sa.Column('explanation_sealed', sealed(), nullable=True),
    sa.Column('owner_id', big(), nullable=True),
    sa.Column('level', sa.Integer(), nullable=False),
    sa.Column('acknowledge_by', instant(), nullable=True),
    sa.Column('hits', sa.Integer(), nullable=False),
    sa.Column('normals', sa.Integer(), nullable=False),
    sa.Column('outcome', sa.String(32), nullable=True),
    sa.Column('opened_at', instant(), nullable=False),
    sa.Column('last_hit_at', instant(), nullable=False),
    sa.Column('acknowledged_at', instant(), nullable=True),
    sa.Column('closed_at', instant(), nullable=True),
    sa.ForeignKeyConstraint(['care_plan_id'], ['care_plan.id'], name=op.f('fk_alert_care_plan_id')),
    sa.ForeignKeyConstraint(['care_team_id'], ['care_team.id'], name=op.f('fk_alert_care_team_id')),
    sa.ForeignKeyConstraint(['owner_id'], ['practitioner.id'], name=op.f('fk_alert_owner_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_alert_patient_id')),
    sa.ForeignKeyConstraint(['rule_id'], ['rule.id'], name=op.f('fk_alert_rule_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alert')),
    sa.UniqueConstraint('patient_id', 'episode', 'is_open', name=op.f('uq_alert_patient_id_episode_is_open')),
    sa.UniqueConstraint('public_id', name=op.f('uq_alert_public_id'))
    )
    op.create_index(op.f('ix_alert_care_team_id_is_open'), 'alert', ['care_team_id', 'is_open'], unique=False)
    op.create_index(op.f('ix_alert_is_open_acknowledge_by'), 'alert', ['is_open', 'acknowledge_by'], unique=False)
    op.create_table('task',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('care_plan_id', big(), nullable=True),
    sa.Column('plan_action_id', big(), nullable=True),
    sa.Column('alert_id', big(), nullable=True),
    sa.Column('slot', platform_id(128), nullable=False),
    sa.Column('owner', sa.String(32), nullable=False),
    sa.Column('kind', text(255), nullable=False),
    sa.Column('code', platform_id(64), nullable=True),
    sa.Column('subject', platform_id(64), nullable=True),
    sa.Column('title', text(255), nullable=False),
    sa.Column('status', sa.String(32), nullable=False),
    sa.Column('status_reason', text(255), nullable=True),
    sa.Column('note_sealed', sealed(), nullable=True),
    sa.Column('starts_at', instant(), nullable=False),
    sa.Column('due_at', instant(), nullable=False),
    sa.Column('ends_at', instant(), nullable=False),
    sa.Column('remind_at', instant(), nullable=True),
    sa.Column('reminders', sa.Integer(), nullable=False),
    sa.Column('finished_at', instant(), nullable=True),
    sa.Column('created_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['alert_id'], ['alert.id'], name=op.f('fk_task_alert_id')),
    sa.ForeignKeyConstraint(['care_plan_id'], ['care_plan.id'], name=op.f('fk_task_care_plan_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_task_patient_id')),
    sa.ForeignKeyConstraint(['plan_action_id'], ['plan_action.id'], name=op.f('fk_task_plan_action_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_task')),
    sa.UniqueConstraint('care_plan_id', 'slot', name=op.f('uq_task_care_plan_id_slot')),
    sa.UniqueConstraint('public_id', name=op.f('uq_task_public_id'))
    )
    op.create_index(op.f('ix_task_alert_id'), 'task', ['alert_id'], unique=False)
    op.create_index(op.f('ix_task_owner_status_starts_at'), 'task', ['owner', 'status', 'starts_at'], unique=False)
    op.create_index(op.f('ix_task_patient_id_starts_at'), 'task', ['patient_id', 'starts_at'], unique=False)
    op.create_index(op.f('ix_task_plan_action_id'), 'task', ['plan_action_id'], unique=False)
    op.create_index(op.f('ix_task_remind_at'), 'task', ['remind_at'], unique=False)
    op.create_index(op.f('ix_task_status_ends_at'), 'task', ['status', 'ends_at'], unique=False)
    op.create_index(op.f('ix_task_status_starts_at'), 'task', ['status', 'starts_at'], unique=False)
    op.create_table('communication',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('dedupe_key', digest(), nullable=False),
    sa.Column('patient_id', big(), nullable=True),
    sa.Column('account_id', big(), nullable=True),
    sa.Column('link_id', big(), nullable=True),
    sa.Column('task_id', big(), nullable=True),
    sa.Column('alert_id', big(), nullable=True),
    sa.Column('kind', text(255), nullable=False),
    sa.Column('channel', sa.String(32), nullable=False),
    sa.Column('lane', sa.String(32), nullable=False),
    sa.Column('state', sa.String(32), nullable=False),
    sa.Column('app_key', platform_id(32), nullable=True),
    sa.Column('template_id', platform_id(64), nullable=True),
    sa.Column('needs_right', sa.Boolean(), nullable=False),
    sa.Column('content_sealed', sealed(), nullable=False),
    sa.Column('recipient_key', platform_id(96), nullable=False),
    sa.Column('in_flight', platform_id(96), nullable=True),
    sa.Column('claim_token', platform_id(32), nullable=True),
    sa.Column('lease_until', instant(), nullable=True),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('error_class', text(255), nullable=True),
    sa.Column('errcode', sa.Integer(), nullable=True),
    sa.Column('reason', text(255), nullable=True),
    sa.Column('platform_id', platform_id(64), nullable=True),
    sa.Column('response_code_sealed', sealed(), nullable=True),
    sa.Column('fallback_of_id', big(), nullable=True),
    sa.Column('planned_at', instant(), nullable=False),
    sa.Column('due_at', instant(), nullable=False),
    sa.Column('expires_at', instant(), nullable=False),
    sa.Column('first_called_at', instant(), nullable=True),
    sa.Column('sent_at', instant(), nullable=True),
    sa.Column('delivered_at', instant(), nullable=True),
    sa.Column('opened_at', instant(), nullable=True),
    sa.Column('done_at', instant(), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['wechat_account.id'], name=op.f('fk_communication_account_id')),
    sa.ForeignKeyConstraint(['alert_id'], ['alert.id'], name=op.f('fk_communication_alert_id')),
    sa.ForeignKeyConstraint(['fallback_of_id'], ['communication.id'], name=op.f('fk_communication_fallback_of_id')),
    sa.ForeignKeyConstraint(['link_id'], ['patient_link.id'], name=op.f('fk_communication_link_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_communication_patient_id')),
    sa.ForeignKeyConstraint(['task_id'], ['task.id'], name=op.f('fk_communication_task_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_communication')),
    sa.UniqueConstraint('dedupe_key', name=op.f('uq_communication_dedupe_key')),
    sa.UniqueConstraint('in_flight', name=op.f('uq_communication_in_flight')),
    sa.UniqueConstraint('public_id', name=op.f('uq_communication_public_id'))
    )
    op.create_index(op.f('ix_communication_account_id_template_id_state'), 'communication', ['account_id', 'template_id', 'state'], unique=False)
    op.create_index(op.f('ix_communication_alert_id'), 'communication', ['alert_id'], unique=False)
    op.create_index(op.f('ix_communication_patient_id_channel_id'), 'communication', ['patient_id', 'channel', 'id'], unique=False)
    op.create_index(op.f('ix_communication_platform_id'), 'communication', ['platform_id'], unique=False)
    op.create_index(op.f('ix_communication_state_lane_due_at'), 'communication', ['state', 'lane', 'due_at'], unique=False)
    op.create_index(op.f('ix_communication_task_id'), 'communication', ['task_id'], unique=False)
    op.create_table('observation',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('encounter_id', big(), nullable=True),
    sa.Column('task_id', big(), nullable=True),
    sa.Column('origin', sa.String(32), nullable=False),
    sa.Column('identity', digest(), nullable=False),
    sa.Column('is_current', sa.Boolean(), nullable=True),
    sa.Column('status', sa.String(32), nullable=False),
    sa.Column('code', platform_id(64), nullable=False),
    sa.Column('code_system', text(255), nullable=False),
    sa.Column('display', text(255), nullable=True),
    sa.Column('value', sa.Numeric(precision=18, scale=6), nullable=True),
    sa.Column('comparator', text(255), nullable=True),
    sa.Column('off_scale', text(255), nullable=True),
    sa.Column('text_sealed', sealed(), nullable=True),
    sa.Column('unit', text(255), nullable=True),
    sa.Column('reference_range', text(255), nullable=True),
    sa.Column('interpretation', text(255), nullable=True),
    sa.Column('context', text(255), nullable=True),
    sa.Column('note_sealed', sealed(), nullable=True),
    sa.Column('effective_at', instant(), nullable=False),
    sa.Column('issued_at', instant(), nullable=False),
    sa.Column('received_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['encounter_id'], ['encounter.id'], name=op.f('fk_observation_encounter_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_observation_patient_id')),
    sa.ForeignKeyConstraint(['task_id'], ['task.id'], name=op.f('fk_observation_task_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_observation')),
    sa.UniqueConstraint('patient_id', 'identity', 'is_current', name=op.f('uq_observation_patient_id_identity_is_current')),
    sa.UniqueConstraint('public_id', name=op.f('uq_observation_public_id'))
    )
    op.create_index(op.f('ix_observation_patient_id_code_effective_at'), 'observation', ['patient_id', 'code', 'effective_at'], unique=False)
    op.create_index(op.f('ix_observation_patient_id_issued_at'), 'observation', ['patient_id', 'issued_at'], unique=False)
    op.create_index(op.f('ix_observation_task_id'), 'observation', ['task_id'], unique=False)
    op.create_table('questionnaire_response',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('questionnaire_id', big(), nullable=False),
    sa.Column('task_id', big(), nullable=True),
    sa.Column('reference', platform_id(64), nullable=False),
    sa.Column('answers_sealed', sealed(), nullable=False),
    sa.Column('score', sa.Integer(), nullable=True),
    sa.Column('author_account_id', big(), nullable=True),
    sa.Column('authored_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['author_account_id'], ['wechat_account.id'], name=op.f('fk_questionnaire_response_author_account_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_questionnaire_response_patient_id')),
    sa.ForeignKeyConstraint(['questionnaire_id'], ['questionnaire.id'], name=op.f('fk_questionnaire_response_questionnaire_id')),
    sa.ForeignKeyConstraint(['task_id'], ['task.id'], name=op.f('fk_questionnaire_response_task_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_questionnaire_response')),
    sa.UniqueConstraint('patient_id', 'reference', name=op.f('uq_questionnaire_response_patient_id_reference')),
    sa.UniqueConstraint('public_id', name=op.f('uq_questionnaire_response_public_id'))
    )
    op.create_index(op.f('ix_questionnaire_response_patient_id_questionnaire_id_authored_at'), 'questionnaire_response', ['patient_id', 'questionnaire_id', 'authored_at'], unique=False)
    op.create_index(op.f('ix_questionnaire_response_task_id'), 'questionnaire_response', ['task_id'], unique=False)
    op.create_table('alert_step',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('alert_id', big(), nullable=False),
    sa.Column('kind', text(255), nullable=False),
    sa.Column('practitioner_id', big(), nullable=True),
    sa.Column('note_sealed', sealed(), nullable=True),
    sa.Column('observation_id', big(), nullable=True),
    sa.Column('at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['alert_id'], ['alert.id'], name=op.f('fk_alert_step_alert_id')),
    sa.ForeignKeyConstraint(['observation_id'], ['observation.id'], name=op.f('fk_alert_step_observation_id')),
    sa.ForeignKeyConstraint(['practitioner_id'], ['practitioner.id'], name=op.f('fk_alert_step_practitioner_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alert_step')),
    sa.UniqueConstraint('public_id', name=op.f('uq_alert_step_public_id'))
    )
    op.create_index(op.f('ix_alert_step_alert_id_at'), 'alert_step', ['alert_id', 'at'], unique=False)
    op.create_index(op.f('ix_alert_step_observation_id'), 'alert_step', ['observation_id'], unique=False)
    op.create_table('communication_attempt',
    sa.Column('id', big(), nullable=False),
    sa.Column('communication_id', big(), nullable=False),
    sa.Column('claim_token', platform_id(32), nullable=False),
    sa.Column('calling_at', instant(), nullable=False),
    sa.Column('finished_at', instant(), nullable=True),
    sa.Column('error_class', text(255), nullable=True),
    sa.Column('errcode', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['communication_id'], ['communication.id'], name=op.f('fk_communication_attempt_communication_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_communication_attempt'))
    )
    op.create_index(op.f('ix_communication_attempt_communication_id_id'), 'communication_attempt', ['communication_id', 'id'], unique=False)
    op.create_table('subscription_grant',
    sa.Column('id', big(), nullable=False),
    sa.Column('account_id', big(), nullable=False),
    sa.Column('template_id', platform_id(64), nullable=False),
    sa.Column('change', sa.Integer(), nullable=False),
    sa.Column('reason', text(255), nullable=False),
    sa.Column('communication_id', big(), nullable=True),
    sa.Column('source_key', digest(), nullable=True),
    sa.Column('at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['wechat_account.id'], name=op.f('fk_subscription_grant_account_id')),
    sa.ForeignKeyConstraint(['communication_id'], ['communication.id'], name=op.f('fk_subscription_grant_communication_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_subscription_grant')),
    sa.UniqueConstraint('communication_id', 'reason', name=op.f('uq_subscription_grant_communication_id_reason')),
    sa.UniqueConstraint('source_key', name=op.f('uq_subscription_grant_source_key'))
    )
    op.create_index(op.f('ix_subscription_grant_account_id_template_id'), 'subscription_grant', ['account_id', 'template_id'], unique=False)


def downgrade() -> None:
    # A table carries its indexes away with it.
    for table in (
        'subscription_grant',
        'communication_attempt',
        'alert_step',
        'questionnaire_response',
        'observation',
        'communication',
        'task',
        'alert',
        'reaction_failure',
        'condition',
        'care_plan',
        'tag_assignment',
        'related_person',
        'plan_action',
        'patient_link',
        'patient_identifier',
        'event',
        'encounter',
        'consent',
        'care_team_member',
        'binding_attempt',
        'appointment',
        'access_session',
        'wechat_account',
        'tag',
        'sign_in_state',
        'rule',
        'reaction_cursor',
        'questionnaire',
        'practitioner',
        'platform_token',
        'plan_definition',
        'patient',
        'pack',
        'lease',
        'job_run',
        'inbound_message',
        'early_receipt',
        'department',
        'care_team',
        'audit_seal',
        'audit_head',
        'audit_event',
        'article',
    ):
        op.drop_table(table)
