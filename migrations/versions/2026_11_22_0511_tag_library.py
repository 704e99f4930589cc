"""Tags with owner, scope, place in the tree and words of their own

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0511
Revises: 2026_11_22_0510
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant, platform_id, text

revision = '2026_11_22_0511'
down_revision = '2026_11_22_0510'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('tag', schema=None) as batch_op:
        batch_op.add_column(sa.Column('parent_key', platform_id(64), nullable=True))
        batch_op.add_column(sa.Column('exclusion_group', platform_id(64), nullable=True))
        batch_op.add_column(sa.Column('expires_days', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('synonyms', sa.JSON(), nullable=False, server_default=sa.text("('[]')")))
        batch_op.add_column(sa.Column('scope', sa.String(32), nullable=False, server_default='hospital'))
        batch_op.add_column(sa.Column('care_team_id', big(), nullable=True))
        batch_op.add_column(sa.Column('owner_id', big(), nullable=True))
        batch_op.add_column(sa.Column('review_below', sa.Numeric(precision=18, scale=6), nullable=False, server_default='0.8'))
        batch_op.add_column(sa.Column('is_retired', sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column('merged_into_id', big(), nullable=True))
        batch_op.add_column(sa.Column('updated_at', instant(), nullable=True))
        batch_op.create_index(batch_op.f('ix_tag_care_team_id'), ['care_team_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_tag_owner_id'), ['owner_id'], unique=False)
        batch_op.create_foreign_key(batch_op.f('fk_tag_merged_into_id'), 'tag', ['merged_into_id'], ['id'])
        batch_op.create_foreign_key(batch_op.f('fk_tag_care_team_id'), 'care_team', ['care_team_id'], ['id'])
        batch_op.create_foreign_key(batch_op.f('fk_tag_owner_id'), 'practitioner', ['owner_id'], ['id'])


def downgrade() -> None:
    with op.batch_alter_table('tag', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_tag_owner_id'), type_='foreignkey')
        batch_op.drop_constraint(batch_op.f('fk_tag_care_team_id'), type_='foreignkey')
        batch_op.drop_constraint(batch_op.f('fk_tag_merged_into_id'), type_='foreignkey')
        batch_op.drop_index(batch_op.f('ix_tag_owner_id'))
        batch_op.drop_index(batch_op.f('ix_tag_care_team_id'))
        batch_op.drop_column('updated_at')
        batch_op.drop_column('merged_into_id')
        batch_op.drop_column('is_retired')
        batch_op.drop_column('review_below')
        batch_op.drop_column('owner_id')
        batch_op.drop_column('care_team_id')
        batch_op.drop_column('scope')
        batch_op.drop_column('synonyms')
        batch_op.drop_column('expires_days')
        batch_op.drop_column('exclusion_group')
        batch_op.drop_column('parent_key')
