# Migrations, in order; admind has them compiled in (admind/migrations.c).
schema_sql = schema/0001_directory.sql schema/0002_administration.sql \
	schema/0003_domain_state.sql schema/0004_mailboxes.sql \
	schema/0005_user_name.sql
dist_schema_DATA += $(schema_sql)
