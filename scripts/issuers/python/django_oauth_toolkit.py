"""django-oauth-toolkit on 127.0.0.1. Arguments: a folder for its database, and the port.

The client `api` introspects, the client `app` gets tokens.
"""

import os
import sys

from django.conf import settings

folder, port = sys.argv[1:]

settings.configure(
    ALLOWED_HOSTS=['127.0.0.1'],
    SECRET_KEY='only-for-tests-' * 5,
    ROOT_URLCONF=__name__,
    DATABASES={'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': os.path.join(folder, 'database')}},
    INSTALLED_APPS=[
        'django.contrib.auth',
        'django.contrib.contenttypes',
        'django.contrib.sessions',
        'oauth2_provider',
    ],
    DEFAULT_AUTO_FIELD='django.db.models.BigAutoField',
    # The default takes a tenth of a second for every request of a client.
    PASSWORD_HASHERS=['django.contrib.auth.hashers.MD5PasswordHasher'],
    USE_TZ=True,
    OAUTH2_PROVIDER={
        'OIDC_ENABLED': True,
        'OIDC_ISS_ENDPOINT': f'http://127.0.0.1:{port}/o',
        'OIDC_RSA_PRIVATE_KEY': os.environ['PRIVATE_KEY'],
        'SCOPES': {'data:read': 'Reads data', 'openid': 'Signs in'},
    },
)

import django

django.setup()

from django.core.management import call_command
from django.urls import include, path
from oauth2_provider.urls import metadata_urlpatterns

# RFC 8414 §3.1: the metadata of an issuer with a path is at the root of its origin.
urlpatterns = [
    path('', include((metadata_urlpatterns, 'oauth2_provider'), namespace='metadata')),
    path('o/', include('oauth2_provider.urls', namespace='oauth2_provider')),
]

call_command('migrate', verbosity=0)

from oauth2_provider.models import Application

for client_id in ('api', 'app'):
    Application.objects.create(
        client_id=client_id,
        client_secret=os.environ[f'{client_id.upper()}_SECRET'],
        name=client_id,
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_CLIENT_CREDENTIALS,
    )

call_command('runserver', f'127.0.0.1:{port}', use_reloader=False)
