import django.db.models.deletion
from django.db import migrations, models

# Where a job's row goes, its links go; and who still waited for it is told, by settle, that there
# is nothing to wait for. For whole statements: prune deletes a thousand rows at a time. Whoever
# deletes rows may have another search_path than whoever migrates.
FOLLOW = """
CREATE FUNCTION django_jobs_follow_deleted() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM django_jobs_link WHERE waiting_id = ANY(ARRAY(SELECT id FROM deleted));
    UPDATE django_jobs_link SET gone = true
    WHERE awaited_id = ANY(ARRAY(SELECT id FROM deleted)) AND NOT resolved;
    RETURN NULL;
END
$$;

CREATE TRIGGER django_jobs_follow_deleted AFTER DELETE ON django_jobs_job
REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT
EXECUTE FUNCTION django_jobs_follow_deleted();
"""
UNFOLLOW = """
DROP TRIGGER django_jobs_follow_deleted ON django_jobs_job;
DROP FUNCTION django_jobs_follow_deleted();
"""

# By their arguments, jobs of functions that others depend on: those that may still succeed, and
# those that have. Two, so that those that have, which are many, do not stand between the others.
# Their conditions are told as no other index tells its own: a query that repeats them can go by no
# other, whatever the planner believes.
LOOK_UP = """
CREATE INDEX django_jobs_job_args_live ON django_jobs_job USING gin (kwargs jsonb_path_ops)
WHERE remembered::int = 1 AND finished_at IS NULL;
CREATE INDEX django_jobs_job_args_done ON django_jobs_job USING gin (kwargs jsonb_path_ops)
WHERE remembered::int = 1 AND finished_at IS NOT NULL;
"""
FORGET = """
DROP INDEX django_jobs_job_args_live;
DROP INDEX django_jobs_job_args_done;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("django_jobs", "0003_schedules"),
    ]

    operations = [
        migrations.CreateModel(
            name="Link",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "waiting_id",
                        "awaited_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "waiting",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="links",
                        to="django_jobs.job",
                        verbose_name="waiting job",
                    ),
                ),
                (
                    "awaited",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="waiting_links",
                        to="django_jobs.job",
                        verbose_name="awaited job",
                    ),
                ),
                (
                    "resolved",
                    models.BooleanField(db_default=False, default=False, verbose_name="resolved"),
                ),
                (
                    "gone",
                    models.BooleanField(db_default=False, default=False, verbose_name="gone"),
                ),
                (
                    "wanted",
                    models.CharField(blank=True, max_length=80, null=True, verbose_name="wanted"),
                ),
            ],
            options={
                "verbose_name": "link",
                "verbose_name_plural": "links",
                "indexes": [
                    models.Index(
                        condition=models.Q(("resolved", False)),
                        fields=["awaited", "waiting"],
                        name="django_jobs_link_awaited",
                    ),
                    models.Index(
                        condition=models.Q(("resolved", False)),
                        fields=["waiting", "awaited"],
                        name="django_jobs_link_waiting",
                    ),
                    models.Index(
                        condition=models.Q(("gone", True)),
                        fields=["waiting"],
                        name="django_jobs_link_gone",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="job",
            name="remembered",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                verbose_name="looked for by others",
            ),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                models.F("name"),
                models.F("state"),
                models.OrderBy(models.F("finished_at"), descending=True),
                condition=models.Q(("remembered", True)),
                name="django_jobs_job_remembered",
            ),
        ),
        migrations.RunSQL(LOOK_UP, FORGET),
        migrations.RunSQL(FOLLOW, UNFOLLOW),
    ]
