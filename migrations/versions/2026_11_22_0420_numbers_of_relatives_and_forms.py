"""What other systems number forms, relatives and bookings by: they leave us under the same name

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0420
Revises: 2026_11_22_0411
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import text

revision = '2026_11_22_0420'
down_revision = '2026_11_22_0411'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('related_person', schema=None) as batch_op:
        batch_op.add_column(sa.Column('type_code', text(255), nullable=True))

    with op.batch_alter_table('questionnaire_response', schema=None) as batch_op:
        batch_op.add_column(sa.Column('issuer', text(255), nullable=True))
        batch_op.add_column(sa.Column('number', text(255), nullable=True))

    with op.batch_alter_table('appointment', schema=None) as batch_op:
        batch_op.add_column(sa.Column('placer_number', text(255), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('appointment', schema=None) as batch_op:
        batch_op.drop_column('placer_number')

    with op.batch_alter_table('questionnaire_response', schema=None) as batch_op:
        batch_op.drop_column('number')
        batch_op.drop_column('issuer')

    with op.batch_alter_table('related_person', schema=None) as batch_op:
        batch_op.drop_column('type_code')
