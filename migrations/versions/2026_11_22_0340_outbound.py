"""Documents, deliveries and webhooks for other systems

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0340
Revises: 2026_11_22_0336
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, digest, instant, platform_id, sealed, text

revision = '2026_11_22_0340'
down_revision = '2026_11_22_0336'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('webhook',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('name', platform_id(64), nullable=False),
    sa.Column('url_sealed', sealed(), nullable=False),
    sa.Column('secret_sealed', sealed(), nullable=False),
    sa.Column('old_secret_sealed', sealed(), nullable=True),
    sa.Column('old_secret_until', instant(), nullable=True),
    sa.Column('kinds', sa.JSON(), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('failing_since', instant(), nullable=True),
    sa.Column('disabled_at', instant(), nullable=True),
    sa.Column('reason', text(255), nullable=True),
    sa.Column('created_at', instant(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook')),
    sa.UniqueConstraint('name', name=op.f('uq_webhook_name')),
    sa.UniqueConstraint('public_id', name=op.f('uq_webhook_public_id'))
    )
    op.create_table('outbound_document',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('number', platform_id(32), nullable=False),
    sa.Column('kind', sa.String(32), nullable=False),
    sa.Column('patient_id', big(), nullable=False),
    sa.Column('subject', platform_id(96), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('identity', digest(), nullable=False),
    sa.Column('status', sa.String(32), nullable=False),
    sa.Column('content_sealed', sealed(), nullable=False),
    sa.Column('requester_kind', text(255), nullable=False),
    sa.Column('requester_id', big(), nullable=True),
    sa.Column('approver_id', big(), nullable=True),
    sa.Column('revokes_id', big(), nullable=True),
    sa.Column('target', platform_id(64), nullable=True),
    sa.Column('filler_number', text(255), nullable=True),
    sa.Column('answer_sealed', sealed(), nullable=True),
    sa.Column('answer_version', text(255), nullable=False),
    sa.Column('created_at', instant(), nullable=False),
    sa.Column('approved_at', instant(), nullable=True),
    sa.Column('sent_at', instant(), nullable=True),
    sa.Column('answered_at', instant(), nullable=True),
    sa.Column('expires_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['approver_id'], ['practitioner.id'], name=op.f('fk_outbound_document_approver_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_outbound_document_patient_id')),
    sa.ForeignKeyConstraint(['revokes_id'], ['outbound_document.id'], name=op.f('fk_outbound_document_revokes_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbound_document')),
    sa.UniqueConstraint('identity', name=op.f('uq_outbound_document_identity')),
    sa.UniqueConstraint('number', name=op.f('uq_outbound_document_number')),
    sa.UniqueConstraint('public_id', name=op.f('uq_outbound_document_public_id'))
    )
    op.create_index(op.f('ix_outbound_document_patient_id_kind_subject'), 'outbound_document', ['patient_id', 'kind', 'subject'], unique=False)
    op.create_index(op.f('ix_outbound_document_status_id'), 'outbound_document', ['status', 'id'], unique=False)
    op.create_table('outbound_delivery',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('dedupe_key', digest(), nullable=False),
    sa.Column('target', platform_id(64), nullable=False),
    sa.Column('document_id', big(), nullable=True),
    sa.Column('webhook_id', big(), nullable=True),
    sa.Column('kind', platform_id(64), nullable=False),
    sa.Column('told', sa.JSON(), nullable=False),
    sa.Column('state', sa.String(32), nullable=False),
    sa.Column('claim_token', platform_id(32), nullable=True),
    sa.Column('lease_until', instant(), nullable=True),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('error', text(255), nullable=True),
    sa.Column('error_code', sa.Integer(), nullable=True),
    sa.Column('due_at', instant(), nullable=False),
    sa.Column('expires_at', instant(), nullable=False),
    sa.Column('first_called_at', instant(), nullable=True),
    sa.Column('created_at', instant(), nullable=False),
    sa.Column('ended_at', instant(), nullable=True),
    sa.ForeignKeyConstraint(['document_id'], ['outbound_document.id'], name=op.f('fk_outbound_delivery_document_id')),
    sa.ForeignKeyConstraint(['webhook_id'], ['webhook.id'], name=op.f('fk_outbound_delivery_webhook_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbound_delivery')),
    sa.UniqueConstraint('dedupe_key', name=op.f('uq_outbound_delivery_dedupe_key')),
    sa.UniqueConstraint('public_id', name=op.f('uq_outbound_delivery_public_id'))
    )
    op.create_index(op.f('ix_outbound_delivery_document_id'), 'outbound_delivery', ['document_id'], unique=False)
    op.create_index(op.f('ix_outbound_delivery_lease_until'), 'outbound_delivery', ['lease_until'], unique=False)
    op.create_index(op.f('ix_outbound_delivery_state_target_due_at'), 'outbound_delivery', ['state', 'target', 'due_at'], unique=False)
    op.create_index(op.f('ix_outbound_delivery_webhook_id'), 'outbound_delivery', ['webhook_id'], unique=False)


def downgrade() -> None:
    op.drop_table('outbound_delivery')
    op.drop_table('outbound_document')
    op.drop_table('webhook')
