from django.db import migrations

from django_jobs import firing


class Migration(migrations.Migration):
    dependencies = [
        ("django_jobs", "0006_tasks"),
    ]

    operations = [
        migrations.RunSQL(firing.CREATE, firing.DROP),
    ]
