"""WeCom contact ways, and who came by them

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0633
Revises: 2026_11_22_0632
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant, platform_id, text

revision = '2026_11_22_0633'
down_revision = '2026_11_22_0632'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('contact_arrival',
    sa.Column('id', big(), nullable=False),
    sa.Column('way_id', big(), nullable=False),
    sa.Column('app_key', platform_id(32), nullable=False),
    sa.Column('external_userid', platform_id(64), nullable=False),
    sa.Column('unionid', platform_id(64), nullable=True),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('ask_at', instant(), nullable=True),
    sa.Column('arrived_at', instant(), nullable=False),
    sa.Column('offered_at', instant(), nullable=True),
    sa.ForeignKeyConstraint(['way_id'], ['enrolment_way.id'], name=op.f('fk_contact_arrival_way_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contact_arrival')),
    sa.UniqueConstraint('way_id', 'external_userid', name=op.f('uq_contact_arrival_way_id_external_userid'))
    )
    with op.batch_alter_table('contact_arrival', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_contact_arrival_ask_at'), ['ask_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_contact_arrival_unionid'), ['unionid'], unique=False)

    with op.batch_alter_table('enrolment_way', schema=None) as batch_op:
        batch_op.add_column(sa.Column('ask_at', instant(), nullable=True))
        batch_op.add_column(sa.Column('qr_code', text(255), nullable=True))
        batch_op.create_index(batch_op.f('ix_enrolment_way_ask_at'), ['ask_at'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('enrolment_way', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_enrolment_way_ask_at'))
        batch_op.drop_column('qr_code')
        batch_op.drop_column('ask_at')

    with op.batch_alter_table('contact_arrival', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_contact_arrival_unionid'))
        batch_op.drop_index(batch_op.f('ix_contact_arrival_ask_at'))

    op.drop_table('contact_arrival')
