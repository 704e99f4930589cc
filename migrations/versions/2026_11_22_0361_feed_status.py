"""Alarms of feeds, replays, and what staff did with single messages

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0361
Revises: 2026_11_22_0351
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant, platform_id, sealed, text

revision = '2026_11_22_0361'
down_revision = '2026_11_22_0351'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('feed_alarm',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('source', platform_id(64), nullable=False),
    sa.Column('kind', sa.String(32), nullable=False),
    sa.Column('open_key', platform_id(96), nullable=True),
    sa.Column('since', instant(), nullable=False),
    sa.Column('calm_since', instant(), nullable=True),
    sa.Column('told_at', instant(), nullable=True),
    sa.Column('ended_at', instant(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_feed_alarm')),
    sa.UniqueConstraint('open_key', name=op.f('uq_feed_alarm_open_key')),
    sa.UniqueConstraint('public_id', name=op.f('uq_feed_alarm_public_id'))
    )
    op.create_index(op.f('ix_feed_alarm_source_kind_id'), 'feed_alarm', ['source', 'kind', 'id'], unique=False)
    op.create_index(op.f('ix_feed_alarm_ended_at'), 'feed_alarm', ['ended_at'], unique=False)
    op.create_table('replay_run',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('source', platform_id(64), nullable=False),
    sa.Column('status', text(255), nullable=False),
    sa.Column('reason', text(255), nullable=True),
    sa.Column('message_id', big(), nullable=True),
    sa.Column('requested_by_id', big(), nullable=True),
    sa.Column('requested_at', instant(), nullable=False),
    sa.Column('state', sa.String(32), nullable=False),
    sa.Column('cursor', big(), nullable=False),
    sa.Column('last_id', big(), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('done', sa.Integer(), nullable=False),
    sa.Column('processed', sa.Integer(), nullable=False),
    sa.Column('lease_until', instant(), nullable=True),
    sa.Column('finished_at', instant(), nullable=True),
    sa.ForeignKeyConstraint(['requested_by_id'], ['practitioner.id'], name=op.f('fk_replay_run_requested_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_replay_run')),
    sa.UniqueConstraint('public_id', name=op.f('uq_replay_run_public_id'))
    )
    op.create_index(op.f('ix_replay_run_source_id'), 'replay_run', ['source', 'id'], unique=False)
    op.create_index(op.f('ix_replay_run_state_id'), 'replay_run', ['state', 'id'], unique=False)
    op.create_table('inbound_deed',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('inbound_id', big(), nullable=False),
    sa.Column('kind', sa.String(32), nullable=False),
    sa.Column('practitioner_id', big(), nullable=False),
    sa.Column('why_sealed', sealed(), nullable=False),
    sa.Column('at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['inbound_id'], ['inbound_message.id'], name=op.f('fk_inbound_deed_inbound_id')),
    sa.ForeignKeyConstraint(['practitioner_id'], ['practitioner.id'], name=op.f('fk_inbound_deed_practitioner_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_inbound_deed')),
    sa.UniqueConstraint('public_id', name=op.f('uq_inbound_deed_public_id'))
    )
    op.create_index(op.f('ix_inbound_deed_inbound_id_id'), 'inbound_deed', ['inbound_id', 'id'], unique=False)


def downgrade() -> None:
    op.drop_table('inbound_deed')
    op.drop_table('replay_run')
    op.drop_table('feed_alarm')
