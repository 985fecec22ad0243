from django.db import migrations

from django_jobs import firing


class Migration(migrations.Migration):
    dependencies = [
        ("django_jobs", "0002_links"),
    ]

    operations = [
        migrations.RunSQL(firing.CREATE, firing.DROP),
    ]
