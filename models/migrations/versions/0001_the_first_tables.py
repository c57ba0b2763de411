"""The first tables"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models import base

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("scopes", base.Json, nullable=False),
        sa.Column("created_at", base.UtcDateTime(), nullable=False),
        sa.Column("expires_at", base.UtcDateTime(), nullable=True),
        sa.Column("used_at", base.UtcDateTime(), nullable=True),
        sa.Column("revoked_at", base.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_api_key_fingerprint")),
    )
    op.create_index(
        "uq_api_key_name",
        "api_key",
        ["name"],
        unique=True,
        sqlite_where=sa.text("revoked_at IS NULL"),
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.create_table(
        "author",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("network", sa.String(length=20), nullable=False),
        sa.Column("external_id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_author")),
        sa.UniqueConstraint("network", "external_id", name=op.f("uq_author_network_external_id")),
    )
    op.create_table(
        "borough",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_borough")),
        sa.UniqueConstraint("code", name=op.f("uq_borough_code")),
    )
    op.create_table(
        "channel",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("token_lost", sa.String(length=200), nullable=True),
        sa.Column("token_since", base.UtcDateTime(), nullable=False),
        sa.Column("missing", base.Json, nullable=False),
        sa.Column("missing_since", base.UtcDateTime(), nullable=True),
        sa.Column("refused", sa.String(length=200), nullable=True),
        sa.Column("refused_since", base.UtcDateTime(), nullable=True),
        sa.Column("pause", sa.String(length=20), nullable=True),
        sa.Column("paused_until", base.UtcDateTime(), nullable=True),
        sa.Column("usage_percent", sa.Double(), nullable=True),
        sa.Column("lag_seconds", sa.Double(), nullable=True),
        sa.Column("checked_at", base.UtcDateTime(), nullable=True),
        sa.Column("check_due_at", base.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel")),
    )
    op.create_table(
        "delivery",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("network", sa.String(length=20), nullable=False),
        sa.Column("received_at", base.UtcDateTime(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("error", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    op.create_index("ix_delivery_state_id", "delivery", ["state", "id"], unique=False)
    op.create_table(
        "local_calibration",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("head", sa.String(length=40), nullable=False),
        sa.Column("label", sa.String(length=40), nullable=False),
        sa.Column("decided", sa.Integer(), nullable=False),
        sa.Column("slope", sa.Double(), nullable=True),
        sa.Column("offset", sa.Double(), nullable=True),
        sa.Column("shown", sa.Integer(), nullable=False),
        sa.Column("right", sa.Integer(), nullable=False),
        sa.Column("followed", sa.Integer(), nullable=False),
        sa.Column("at", base.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_local_calibration")),
        sa.UniqueConstraint("model", "head", "label", name=op.f("uq_local_calibration_model_head_label")),
    )
    op.create_table(
        "message_template",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", base.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_template")),
        sa.UniqueConstraint("code", "language", "version", name=op.f("uq_message_template_code_language_version")),
    )
    op.create_table(
        "netiquette_rule",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_netiquette_rule")),
        sa.UniqueConstraint("code", name=op.f("uq_netiquette_rule_code")),
    )
    op.create_table(
        "person",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("password_hash", sa.String(length=400), nullable=True),
        sa.Column("totp_closed", sa.String(length=400), nullable=True),
        sa.Column("totp_last_step", sa.Integer(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("single_keys", sa.Boolean(), nullable=False),
        sa.Column("blurs_pictures", sa.Boolean(), nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("created_at", base.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("email", name=op.f("uq_person_email")),
    )
    op.create_table(
        "planted",
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("code", sa.String(length=80), nullable=False),
        sa.Column("said", base.Json, nullable=False),
        sa.PrimaryKeyConstraint("kind", "code", name=op.f("pk_planted")),
    )
    op.create_table(
        "public_contact",
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("value", name=op.f("pk_public_contact")),
    )
    op.create_table(
        "request_counter",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("year", name=op.f("pk_request_counter")),
    )
    op.create_table(
        "service",
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("group", sa.String(length=40), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_service")),
    )
    op.create_table(
        "sign_in_attempt",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("at", base.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_attempt")),
    )
    op.create_index("ix_sign_in_attempt_subject_at", "sign_in_attempt", ["subject", "at"], unique=False)
    op.create_table(
        "account",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("network", sa.String(length=20), nullable=False),
        sa.Column("external_id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("borough_id", base.Id, nullable=True),
        sa.Column("token_closed", sa.Text(), nullable=False),
        sa.Column("token_expires_at", base.UtcDateTime(), nullable=True),
        sa.Column("refresh_closed", sa.Text(), nullable=True),
        sa.Column("refresh_expires_at", base.UtcDateTime(), nullable=True),
        sa.Column("expiry_warned", sa.Integer(), nullable=True),
        sa.Column("connected_by", base.Id, nullable=True),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("pull_due_at", base.UtcDateTime(), nullable=False),
        sa.Column("pulled_at", base.UtcDateTime(), nullable=True),
        sa.Column("round_started_at", base.UtcDateTime(), nullable=True),
        sa.Column("backfill_done", sa.Integer(), nullable=True),
        sa.Column("backfill_total", sa.Integer(), nullable=True),
        sa.Column("created_at", base.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["borough_id"], ["borough.id"], name=op.f("fk_account_borough_id")),
        sa.ForeignKeyConstraint(["connected_by"], ["person.id"], name=op.f("fk_account_connected_by")),
        sa.ForeignKeyConstraint(["id"], ["channel.id"], name=op.f("fk_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("network", "external_id", name=op.f("uq_account_network_external_id")),
    )
    op.create_table(
        "audit_entry",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("at", base.UtcDateTime(), nullable=False),
        sa.Column("person_id", base.Id, nullable=True),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("data", base.Json, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=True),
        sa.Column("seal", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_audit_entry_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
        sa.UniqueConstraint("sequence", name=op.f("uq_audit_entry_sequence")),
    )
    op.create_index("ix_audit_entry_subject", "audit_entry", ["subject", "id"], unique=False)
    op.create_table(
        "connection",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("state_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("verifier_closed", sa.Text(), nullable=False),
        sa.Column("network", sa.String(length=20), nullable=False),
        sa.Column("person_id", base.Id, nullable=False),
        sa.Column("created_at", base.UtcDateTime(), nullable=False),
        sa.Column("expires_at", base.UtcDateTime(), nullable=False),
        sa.Column("used_at", base.UtcDateTime(), nullable=True),
        sa.Column("offered_closed", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_connection_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connection")),
        sa.UniqueConstraint("state_fingerprint", name=op.f("uq_connection_state_fingerprint")),
    )
    op.create_table(
        "effect",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("operation", sa.String(length=20), nullable=False),
        sa.Column("channel_id", base.Id, nullable=False),
        sa.Column("target", sa.String(length=200), nullable=True),
        sa.Column("payload", base.Json, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("due_at", base.UtcDateTime(), nullable=False),
        sa.Column("late_at", base.UtcDateTime(), nullable=True),
        sa.Column("owner", sa.String(length=60), nullable=True),
        sa.Column("lease_until", base.UtcDateTime(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("first_sent_at", base.UtcDateTime(), nullable=True),
        sa.Column("sent_at", base.UtcDateTime(), nullable=True),
        sa.Column("read_due_at", base.UtcDateTime(), nullable=True),
        sa.Column("reads", sa.Integer(), nullable=False),
        sa.Column("remote_id", sa.String(length=200), nullable=True),
        sa.Column("permalink", sa.String(length=500), nullable=True),
        sa.Column("done_at", base.UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("detail", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_effect_channel_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_effect")),
        sa.UniqueConstraint("channel_id", "remote_id", name=op.f("uq_effect_channel_id_remote_id")),
        sa.UniqueConstraint("key", name=op.f("uq_effect_key")),
    )
    op.create_index(
        "ix_effect_open_due",
        "effect",
        ["due_at", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('ready', 'claimed', 'sending', 'unknown')"),
        postgresql_where=sa.text("state IN ('ready', 'claimed', 'sending', 'unknown')"),
    )
    op.create_index(
        "ix_effect_open_target",
        "effect",
        ["channel_id", "target", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('ready', 'claimed', 'sending', 'unknown')"),
        postgresql_where=sa.text("state IN ('ready', 'claimed', 'sending', 'unknown')"),
    )
    op.create_table(
        "idempotency_key",
        sa.Column("person_id", base.Id, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("made_id", base.Id, nullable=True),
        sa.Column("at", base.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_idempotency_key_person_id")),
        sa.PrimaryKeyConstraint("person_id", "key", name=op.f("pk_idempotency_key")),
    )
    op.create_index("ix_idempotency_key_at", "idempotency_key", ["at"], unique=False)
    op.create_table(
        "personal_link",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("person_id", base.Id, nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("made_by_id", base.Id, nullable=True),
        sa.Column("created_at", base.UtcDateTime(), nullable=False),
        sa.Column("expires_at", base.UtcDateTime(), nullable=False),
        sa.Column("used_at", base.UtcDateTime(), nullable=True),
        sa.Column("told_at", base.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["made_by_id"], ["person.id"], name=op.f("fk_personal_link_made_by_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_personal_link_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_personal_link")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_personal_link_fingerprint")),
    )
    op.create_index(op.f("ix_personal_link_person_id"), "personal_link", ["person_id"], unique=False)
    op.create_table(
        "post",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("author_id", base.Id, nullable=False),
        sa.Column("publish_at", base.UtcDateTime(), nullable=True),
        sa.Column("late_after_minutes", sa.Integer(), nullable=False),
        sa.Column("created_at", base.UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["person.id"], name=op.f("fk_post_author_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post")),
    )
    op.create_index("ix_post_state", "post", ["state", "publish_at", "id"], unique=False)
    op.create_table(
        "rule_version",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("rule_id", base.Id, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("ground", sa.String(length=20), nullable=False),
        sa.Column("breach", sa.String(length=40), nullable=True),
        sa.Column("actions", base.Json, nullable=False),
        sa.Column("deciders", base.Json, nullable=False),
        sa.Column("in_force_from", base.UtcDateTime(), nullable=False),
        sa.Column("in_force_until", base.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["rule_id"], ["netiquette_rule.id"], name=op.f("fk_rule_version_rule_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_version")),
        sa.UniqueConstraint("rule_id", "number", name=op.f("uq_rule_version_rule_id_number")),
    )
    op.create_table(
        "set_aside",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("delivery_id", base.Id, nullable=True),
        sa.Column("network", sa.String(length=20), nullable=False),
        sa.Column("account_external_id", sa.String(length=100), nullable=True),
        sa.Column("reason", sa.String(length=100), nullable=False),
        sa.Column("raw", sa.Text(), nullable=True),
        sa.Column("at", base.UtcDateTime(), nullable=False),
        sa.Column("settled_at", base.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_set_aside_delivery_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_set_aside")),
    )
    op.create_index("ix_set_aside_network_account", "set_aside", ["network", "account_external_id"], unique=False)
    op.create_table(
        "sign_in",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("person_id", base.Id, nullable=False),
        sa.Column("created_at", base.UtcDateTime(), nullable=False),
        sa.Column("seen_at", base.UtcDateTime(), nullable=False),
        sa.Column("expires_at", base.UtcDateTime(), nullable=False),
        sa.Column("revoked_at", base.UtcDateTime(), nullable=True),
        sa.Column("proved", sa.Boolean(), nullable=False),
        sa.Column("browser", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_sign_in_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_sign_in_fingerprint")),
    )
    op.create_index(op.f("ix_sign_in_person_id"), "sign_in", ["person_id"], unique=False)
    op.create_table(
        "access_request",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("person_id", base.Id, nullable=False),
        sa.Column("role", sa.String(length=20), nullable=True),
        sa.Column("borough_id", base.Id, nullable=True),
        sa.Column("account_id", base.Id, nullable=True),
        sa.Column("asked_by_id", base.Id, nullable=False),
        sa.Column("asked_at", base.UtcDateTime(), nullable=False),
        sa.Column("answered_by_id", base.Id, nullable=True),
        sa.Column("answered_at", base.UtcDateTime(), nullable=True),
        sa.Column("granted", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_access_request_account_id")),
        sa.ForeignKeyConstraint(["answered_by_id"], ["person.id"], name=op.f("fk_access_request_answered_by_id")),
        sa.ForeignKeyConstraint(["asked_by_id"], ["person.id"], name=op.f("fk_access_request_asked_by_id")),
        sa.ForeignKeyConstraint(["borough_id"], ["borough.id"], name=op.f("fk_access_request_borough_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_access_request_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_request")),
    )
    op.create_index("ix_access_request_open", "access_request", ["answered_at", "id"], unique=False)
    op.create_table(
        "account_figures",
        sa.Column("account_id", base.Id, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("at", base.UtcDateTime(), nullable=False),
        sa.Column("followers", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_account_figures_account_id")),
        sa.PrimaryKeyConstraint("account_id", "day", name=op.f("pk_account_figures")),
    )
    op.create_table(
        "approval",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("post_id", base.Id, nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("person_id", base.Id, nullable=False),
        sa.Column("at", base.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_approval_person_id")),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_approval_post_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
    )
    op.create_index("ix_approval_post", "approval", ["post_id", "id"], unique=False)
    op.create_table(
        "membership",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("person_id", base.Id, nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("borough_id", base.Id, nullable=True),
        sa.Column("account_id", base.Id, nullable=True),
        sa.CheckConstraint("borough_id IS NULL OR account_id IS NULL", name=op.f("ck_membership_one_scope")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_membership_account_id")),
        sa.ForeignKeyConstraint(["borough_id"], ["borough.id"], name=op.f("fk_membership_borough_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_membership_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership")),
        sa.UniqueConstraint(
            "person_id",
            "role",
            "borough_id",
            "account_id",
            name=op.f("uq_membership_person_id_role_borough_id_account_id"),
        ),
    )
    op.create_table(
        "post_contributor",
        sa.Column("post_id", base.Id, nullable=False),
        sa.Column("person_id", base.Id, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_post_contributor_person_id")),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_post_contributor_post_id")),
        sa.PrimaryKeyConstraint("post_id", "person_id", name=op.f("pk_post_contributor")),
    )
    op.create_table(
        "service_request",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("service_code", sa.String(length=60), nullable=False),
        sa.Column("nature", sa.String(length=20), nullable=False),
        sa.Column("account_id", base.Id, nullable=True),
        sa.Column("borough_id", base.Id, nullable=True),
        sa.Column("place", sa.String(length=300), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("citizen_note", sa.Text(), nullable=True),
        sa.Column("opened_by_id", base.Id, nullable=False),
        sa.Column("opened_at", base.UtcDateTime(), nullable=False),
        sa.Column("due_at", base.UtcDateTime(), nullable=False),
        sa.Column("closed_at", base.UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_service_request_account_id")),
        sa.ForeignKeyConstraint(["borough_id"], ["borough.id"], name=op.f("fk_service_request_borough_id")),
        sa.ForeignKeyConstraint(["opened_by_id"], ["person.id"], name=op.f("fk_service_request_opened_by_id")),
        sa.ForeignKeyConstraint(["service_code"], ["service.code"], name=op.f("fk_service_request_service_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_request")),
        sa.UniqueConstraint("number", name=op.f("uq_service_request_number")),
    )
    op.create_index("ix_service_request_service", "service_request", ["service_code", "status"], unique=False)
    op.create_index("ix_service_request_status", "service_request", ["status", "due_at", "id"], unique=False)
    op.create_table(
        "source_post",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("account_id", base.Id, nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("permalink", sa.String(length=500), nullable=True),
        sa.Column("created_at", base.UtcDateTime(), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("comment_count", sa.Integer(), nullable=True),
        sa.Column("ad_id", sa.String(length=100), nullable=True),
        sa.Column("campaign_id", sa.String(length=100), nullable=True),
        sa.Column("spend_micros", base.Id, nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("listed_at", base.UtcDateTime(), nullable=True),
        sa.Column("read_at", base.UtcDateTime(), nullable=True),
        sa.Column("removed_at", base.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_source_post_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_post")),
        sa.UniqueConstraint("account_id", "external_id", name=op.f("uq_source_post_account_id_external_id")),
    )
    op.create_table(
        "comment",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("account_id", base.Id, nullable=False),
        sa.Column("borough_id", base.Id, nullable=True),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("source_post_id", base.Id, nullable=True),
        sa.Column("parent_external_id", sa.String(length=200), nullable=True),
        sa.Column("author_id", base.Id, nullable=True),
        sa.Column("by_city", sa.Boolean(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.Column("rated_at", base.UtcDateTime(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("search_text", sa.Text(), nullable=True),
        sa.Column("permalink", sa.String(length=500), nullable=True),
        sa.Column("created_at", base.UtcDateTime(), nullable=False),
        sa.Column("received_at", base.UtcDateTime(), nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("hidden_at", base.UtcDateTime(), nullable=True),
        sa.Column("shown_at", base.UtcDateTime(), nullable=True),
        sa.Column("hidden_here_at", base.UtcDateTime(), nullable=True),
        sa.Column("hidden_there_at", base.UtcDateTime(), nullable=True),
        sa.Column("removed_at", base.UtcDateTime(), nullable=True),
        sa.Column("present_at", base.UtcDateTime(), nullable=True),
        sa.Column("look_due_at", base.UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("disposed_at", base.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_comment_account_id")),
        sa.ForeignKeyConstraint(["author_id"], ["author.id"], name=op.f("fk_comment_author_id")),
        sa.ForeignKeyConstraint(["borough_id"], ["borough.id"], name=op.f("fk_comment_borough_id")),
        sa.ForeignKeyConstraint(["source_post_id"], ["source_post.id"], name=op.f("fk_comment_source_post_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comment")),
        sa.UniqueConstraint("account_id", "external_id", name=op.f("uq_comment_account_id_external_id")),
    )
    op.create_index(
        "ix_comment_answer",
        "comment",
        ["account_id", "parent_external_id"],
        unique=False,
        sqlite_where=sa.text("by_city = 1"),
        postgresql_where=sa.text("by_city"),
    )
    op.create_index(op.f("ix_comment_author_id"), "comment", ["author_id"], unique=False)
    op.create_index(
        "ix_comment_look",
        "comment",
        ["account_id", "look_due_at"],
        unique=False,
        sqlite_where=sa.text("look_due_at IS NOT NULL"),
        postgresql_where=sa.text("look_due_at IS NOT NULL"),
    )
    op.create_index(op.f("ix_comment_source_post_id"), "comment", ["source_post_id"], unique=False)
    op.create_table(
        "post_figures",
        sa.Column("source_post_id", base.Id, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("at", base.UtcDateTime(), nullable=False),
        sa.Column("reach", sa.Integer(), nullable=True),
        sa.Column("views", sa.Integer(), nullable=True),
        sa.Column("reactions", sa.Integer(), nullable=True),
        sa.Column("comments", sa.Integer(), nullable=True),
        sa.Column("shares", sa.Integer(), nullable=True),
        sa.Column("clicks", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["source_post_id"], ["source_post.id"], name=op.f("fk_post_figures_source_post_id")),
        sa.PrimaryKeyConstraint("source_post_id", "day", name=op.f("pk_post_figures")),
    )
    op.create_table(
        "request_change",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("request_id", base.Id, nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("person_id", base.Id, nullable=False),
        sa.Column("at", base.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_request_change_person_id")),
        sa.ForeignKeyConstraint(["request_id"], ["service_request.id"], name=op.f("fk_request_change_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request_change")),
    )
    op.create_index("ix_request_change_request", "request_change", ["request_id", "id"], unique=False)
    op.create_table(
        "variant",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("post_id", base.Id, nullable=False),
        sa.Column("account_id", base.Id, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("link", sa.String(length=500), nullable=True),
        sa.Column("publish_at", base.UtcDateTime(), nullable=True),
        sa.Column("effect_id", base.Id, nullable=True),
        sa.Column("remote_id", sa.String(length=200), nullable=True),
        sa.Column("permalink", sa.String(length=500), nullable=True),
        sa.Column("published_at", base.UtcDateTime(), nullable=True),
        sa.Column("source_post_id", base.Id, nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_variant_account_id")),
        sa.ForeignKeyConstraint(["effect_id"], ["effect.id"], name=op.f("fk_variant_effect_id")),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_variant_post_id")),
        sa.ForeignKeyConstraint(["source_post_id"], ["source_post.id"], name=op.f("fk_variant_source_post_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_variant")),
        sa.UniqueConstraint("post_id", "account_id", name=op.f("uq_variant_post_id_account_id")),
    )
    op.create_index("ix_variant_account", "variant", ["account_id"], unique=False)
    op.create_table(
        "attachment",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("comment_id", base.Id, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=True),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("picture_address", sa.String(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("seen_at", base.UtcDateTime(), nullable=False),
        sa.Column("gone_at", base.UtcDateTime(), nullable=True),
        sa.Column("picture", sa.LargeBinary(), nullable=True),
        sa.Column("fetch_due_at", base.UtcDateTime(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("failure", sa.String(length=50), nullable=True),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_attachment_comment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment")),
    )
    op.create_index("ix_attachment_comment", "attachment", ["comment_id", "position"], unique=False)
    op.create_index(
        "ix_attachment_fetch",
        "attachment",
        ["fetch_due_at"],
        unique=False,
        sqlite_where=sa.text("fetch_due_at IS NOT NULL"),
        postgresql_where=sa.text("fetch_due_at IS NOT NULL"),
    )
    op.create_table(
        "comment_version",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("comment_id", base.Id, nullable=False),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("said_at", base.UtcDateTime(), nullable=True),
        sa.Column("seen_at", base.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_comment_version_comment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comment_version")),
    )
    op.create_index("ix_comment_version_comment", "comment_version", ["comment_id"], unique=False)
    op.create_table(
        "correction",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("comment_id", base.Id, nullable=False),
        sa.Column("comment_version", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("head", sa.String(length=40), nullable=False),
        sa.Column("said", sa.String(length=40), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("label", sa.String(length=40), nullable=False),
        sa.Column("person_id", base.Id, nullable=False),
        sa.Column("at", base.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_correction_comment_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_correction_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction")),
    )
    op.create_index("ix_correction_comment", "correction", ["comment_id", "id"], unique=False)
    op.create_table(
        "evidence",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("comment_id", base.Id, nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("author_name", sa.String(length=200), nullable=True),
        sa.Column("taken_at", base.UtcDateTime(), nullable=False),
        sa.Column("disposed_at", base.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_evidence_comment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    op.create_index(op.f("ix_evidence_comment_id"), "evidence", ["comment_id"], unique=False)
    op.create_table(
        "item",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("account_id", base.Id, nullable=False),
        sa.Column("borough_id", base.Id, nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("queued_at", base.UtcDateTime(), nullable=False),
        sa.Column("classifying_until", base.UtcDateTime(), nullable=True),
        sa.Column("problem_id", base.Id, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("comment_id", base.Id, nullable=True),
        sa.CheckConstraint("CASE WHEN comment_id IS NULL THEN 0 ELSE 1 END = 1", name=op.f("ck_item_one_subject")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_item_account_id")),
        sa.ForeignKeyConstraint(["borough_id"], ["borough.id"], name=op.f("fk_item_borough_id")),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_item_comment_id")),
        sa.ForeignKeyConstraint(["problem_id"], ["effect.id"], name=op.f("fk_item_problem_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item")),
        sa.UniqueConstraint("comment_id", name=op.f("uq_item_comment_id")),
    )
    op.create_index("ix_item_queue", "item", ["state", "urgency", "queued_at", "id"], unique=False)
    op.create_index(
        "ix_item_queue_account", "item", ["account_id", "state", "urgency", "queued_at", "id"], unique=False
    )
    op.create_index(
        "ix_item_queue_borough", "item", ["borough_id", "state", "urgency", "queued_at", "id"], unique=False
    )
    op.create_index(
        "ix_item_received",
        "item",
        ["id"],
        unique=False,
        sqlite_where=sa.text("state = 'received'"),
        postgresql_where=sa.text("state = 'received'"),
    )
    op.create_table(
        "proposal",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("comment_version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("rule_version_id", base.Id, nullable=False),
        sa.Column("person_id", base.Id, nullable=False),
        sa.Column("at", base.UtcDateTime(), nullable=False),
        sa.Column("form_key", sa.String(length=64), nullable=True),
        sa.Column("answered_by_id", base.Id, nullable=True),
        sa.Column("answered_at", base.UtcDateTime(), nullable=True),
        sa.Column("confirmed", sa.Boolean(), nullable=True),
        sa.Column("motive", sa.Text(), nullable=True),
        sa.Column("comment_id", base.Id, nullable=True),
        sa.CheckConstraint("(answered_by_id IS NULL) = (confirmed IS NULL)", name=op.f("ck_proposal_answered_whole")),
        sa.CheckConstraint("CASE WHEN comment_id IS NULL THEN 0 ELSE 1 END = 1", name=op.f("ck_proposal_one_subject")),
        sa.ForeignKeyConstraint(["answered_by_id"], ["person.id"], name=op.f("fk_proposal_answered_by_id")),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_proposal_comment_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_proposal_person_id")),
        sa.ForeignKeyConstraint(["rule_version_id"], ["rule_version.id"], name=op.f("fk_proposal_rule_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposal")),
        sa.UniqueConstraint("form_key", name=op.f("uq_proposal_form_key")),
    )
    op.create_index("ix_proposal_comment", "proposal", ["comment_id", "id"], unique=False)
    op.create_table(
        "requester",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("request_id", base.Id, nullable=False),
        sa.Column("comment_id", base.Id, nullable=False),
        sa.Column("added_at", base.UtcDateTime(), nullable=False),
        sa.Column("detached_at", base.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_requester_comment_id")),
        sa.ForeignKeyConstraint(["request_id"], ["service_request.id"], name=op.f("fk_requester_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requester")),
        sa.UniqueConstraint("request_id", "comment_id", name=op.f("uq_requester_request_id_comment_id")),
    )
    op.create_index("ix_requester_comment", "requester", ["comment_id"], unique=False)
    op.create_table(
        "verdict",
        sa.Column("comment_id", base.Id, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("intention", sa.String(length=30), nullable=True),
        sa.Column("group_311", sa.String(length=40), nullable=True),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("scores", base.Json, nullable=False),
        sa.Column("certainty", base.Json, nullable=False),
        sa.Column("abstained", sa.Boolean(), nullable=False),
        sa.Column("reasons", base.Json, nullable=False),
        sa.Column("unread", sa.Boolean(), nullable=False),
        sa.Column("suggestion", sa.String(length=20), nullable=True),
        sa.Column("suggested_breach", sa.String(length=40), nullable=True),
        sa.Column("at", base.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_verdict_comment_id")),
        sa.PrimaryKeyConstraint("comment_id", name=op.f("pk_verdict")),
    )
    op.create_index("ix_verdict_at", "verdict", ["at"], unique=False)
    op.create_table(
        "claim",
        sa.Column("item_id", base.Id, nullable=False),
        sa.Column("person_id", base.Id, nullable=False),
        sa.Column("until", base.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_claim_item_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_claim_person_id")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_claim")),
    )
    op.create_table(
        "decision",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("comment_version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("person_id", base.Id, nullable=False),
        sa.Column("at", base.UtcDateTime(), nullable=False),
        sa.Column("proposal_id", base.Id, nullable=True),
        sa.Column("rule_version_id", base.Id, nullable=True),
        sa.Column("evidence_id", base.Id, nullable=True),
        sa.Column("effect_id", base.Id, nullable=True),
        sa.Column("request_id", base.Id, nullable=True),
        sa.Column("cancels_id", base.Id, nullable=True),
        sa.Column("form_key", sa.String(length=64), nullable=True),
        sa.Column("suggested", sa.String(length=20), nullable=True),
        sa.Column("comment_id", base.Id, nullable=True),
        sa.CheckConstraint("CASE WHEN comment_id IS NULL THEN 0 ELSE 1 END = 1", name=op.f("ck_decision_one_subject")),
        sa.ForeignKeyConstraint(["cancels_id"], ["decision.id"], name=op.f("fk_decision_cancels_id")),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_decision_comment_id")),
        sa.ForeignKeyConstraint(["effect_id"], ["effect.id"], name=op.f("fk_decision_effect_id")),
        sa.ForeignKeyConstraint(["evidence_id"], ["evidence.id"], name=op.f("fk_decision_evidence_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_decision_person_id")),
        sa.ForeignKeyConstraint(["proposal_id"], ["proposal.id"], name=op.f("fk_decision_proposal_id")),
        sa.ForeignKeyConstraint(["request_id"], ["service_request.id"], name=op.f("fk_decision_request_id")),
        sa.ForeignKeyConstraint(["rule_version_id"], ["rule_version.id"], name=op.f("fk_decision_rule_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
        sa.UniqueConstraint("cancels_id", name=op.f("uq_decision_cancels_id")),
        sa.UniqueConstraint("form_key", name=op.f("uq_decision_form_key")),
        sa.UniqueConstraint("proposal_id", name=op.f("uq_decision_proposal_id")),
    )
    op.create_index("ix_decision_comment", "decision", ["comment_id", "id"], unique=False)
    op.create_table(
        "evidence_attachment",
        sa.Column("evidence_id", base.Id, nullable=False),
        sa.Column("attachment_id", base.Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["attachment_id"], ["attachment.id"], name=op.f("fk_evidence_attachment_attachment_id")
        ),
        sa.ForeignKeyConstraint(["evidence_id"], ["evidence.id"], name=op.f("fk_evidence_attachment_evidence_id")),
        sa.PrimaryKeyConstraint("evidence_id", "attachment_id", name=op.f("pk_evidence_attachment")),
    )
    op.create_table(
        "draft_reply",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("request_id", base.Id, nullable=True),
        sa.Column("effect_id", base.Id, nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("decision_id", base.Id, nullable=True),
        sa.Column("created_at", base.UtcDateTime(), nullable=False),
        sa.Column("comment_id", base.Id, nullable=True),
        sa.CheckConstraint(
            "CASE WHEN comment_id IS NULL THEN 0 ELSE 1 END = 1", name=op.f("ck_draft_reply_one_subject")
        ),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_draft_reply_comment_id")),
        sa.ForeignKeyConstraint(["decision_id"], ["decision.id"], name=op.f("fk_draft_reply_decision_id")),
        sa.ForeignKeyConstraint(["effect_id"], ["effect.id"], name=op.f("fk_draft_reply_effect_id")),
        sa.ForeignKeyConstraint(["request_id"], ["service_request.id"], name=op.f("fk_draft_reply_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft_reply")),
    )
    op.create_index("ix_draft_reply_comment", "draft_reply", ["comment_id", "id"], unique=False)
    op.create_index(op.f("ix_draft_reply_request_id"), "draft_reply", ["request_id"], unique=False)
